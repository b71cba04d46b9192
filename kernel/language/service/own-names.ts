/** Names that begin so are ours: documents, what cells see of each other, helpers. */
export const OWN_PREFIX = '__cell';

/** The document with all cells of the past, and its name in a cell. */
export const HISTORY = '__cell_history';

/** How a cell of the past is named in what the server says: `__cell_history.__cell3.Net`, `import("…").__cell3.Net`. */
const PATH = /(?:import\("[^"]*__cell_history"\)\.|__cell_history\.)?__cell\d+\./g;

/** Without the traces of how cells see each other. */
export function withoutOwnNames(text: string): string {
  return text
    .replace(/^\(alias\) /gm, '')
    .replace(/^import \S+ = \S*__cell\S*\n?/gm, '')
    .replace(/^import (?:tf|tensorcell) = \S+\n?/gm, '')
    .replace(PATH, '')
    .replace(/typeof import\("[^"]*__cell_\w+"\)/g, 'typeof an earlier cell');
}
