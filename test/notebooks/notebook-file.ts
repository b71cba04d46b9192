/** A code cell: its source, and tags if it has some. */
export type NotebookCell = string | { source: string; tags: readonly string[] };

/** The text of a notebook file with these cells, not run yet. */
export function notebookJson(cells: readonly NotebookCell[], kernel = 'tensorcell'): string {
  const display = kernel === 'tensorcell' ? 'TypeScript (Tensorcell)' : kernel;
  return JSON.stringify({
    cells: cells.map((cell, at) => ({
      cell_type: 'code',
      id: `cell-${at}`,
      execution_count: null,
      metadata: typeof cell === 'string' ? {} : { tags: cell.tags },
      outputs: [],
      source: typeof cell === 'string' ? cell : cell.source,
    })),
    metadata: { kernelspec: { name: kernel, display_name: display, language: 'typescript' } },
    nbformat: 4,
    nbformat_minor: 5,
  });
}
