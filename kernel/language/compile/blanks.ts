/**
 * Where the first token begins: behind spaces, line ends and whole comments. One step after the other: an expression for all of
 * them tries each comment with every end that follows, which takes exponential time.
 */
export function endOfBlanks(source: string): number {
  const blank = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
  let end = 0;
  while (blank.test(source)) end = blank.lastIndex;
  return end;
}
