/** Rows of words as lines of text: each column but the last is as wide as its longest word. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, word] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, word.length);
  return rows.map((row) =>
    row
      .map((word, column) => (column < row.length - 1 ? word.padEnd(widths[column] ?? 0) : word))
      .join('  ')
      .trimEnd(),
  );
}
