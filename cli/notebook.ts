import { readJson } from '../src/base/files/index.ts';

/** A notebook file, format 4. See nbformat's documentation. */
export interface Notebook {
  cells: NotebookCell[];
  metadata: { kernelspec?: { name: string; display_name?: string }; [key: string]: unknown };
  nbformat: number;
  nbformat_minor: number;
}

export interface NotebookCell {
  cell_type: string;
  id?: string;
  source: string | string[];
  metadata: { tags?: string[]; [key: string]: unknown };
  execution_count?: number | null;
  outputs?: Record<string, unknown>[];
}

export class NotebookError extends Error {
  override readonly name = 'NotebookError';
  readonly code = 'not-a-notebook';
}

/** @throws NotebookError when the file is no notebook of format 4 */
export function readNotebook(path: string): Notebook {
  let read: Partial<Notebook>;
  try {
    read = readJson(path, 'a notebook') ?? {};
  } catch (error) {
    throw new NotebookError((error as Error).message, {
      cause: error,
    });
  }
  if (!Array.isArray(read.cells) || read.nbformat !== 4) {
    throw new NotebookError(`${path} is not a notebook of format 4: open and save it in JupyterLab`);
  }
  return { metadata: {}, nbformat_minor: 5, ...read, cells: read.cells, nbformat: 4 };
}

export function cellSource(cell: NotebookCell): string {
  return Array.isArray(cell.source) ? cell.source.join('') : cell.source;
}

/**
 * The value in `-p name value`: a number, true, false, null, or JSON where it reads as that, else text. The line declares
 * the name anew, which takes the place of the value in the notebook.
 */
export function parameterLines(parameters: readonly (readonly [string, string])[]): string {
  return parameters
    .map(([name, value]) => {
      if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) {
        throw new NotebookError(`"${name}" cannot be the name of a parameter: letters, digits and _ only`);
      }
      let literal: string;
      try {
        literal = literalOf(JSON.parse(value) as unknown);
      } catch {
        literal = JSON.stringify(value);
      }
      return `let ${name} = ${literal};`;
    })
    .join('\n');
}

/**
 * A JSON value as TypeScript. In an object literal `__proto__: value` sets the prototype instead of a property, which a
 * computed name does not.
 */
function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, item]) => {
    const key = JSON.stringify(name);
    return `${name === '__proto__' ? `[${key}]` : key}:${literalOf(item)}`;
  });
  return `{${entries.join(',')}}`;
}

/** Puts the parameters behind the cell tagged `parameters` (papermill's rule), or first when there is none. */
export function withParameters(notebook: Notebook, lines: string): Notebook {
  if (lines === '') return notebook;
  const cells = notebook.cells.filter((cell) => !cell.metadata.tags?.includes('injected-parameters'));
  const at = cells.findIndex((cell) => cell.metadata.tags?.includes('parameters')) + 1;
  const injected: NotebookCell = {
    cell_type: 'code',
    id: 'injected-parameters',
    source: lines,
    metadata: { tags: ['injected-parameters'] },
    execution_count: null,
    outputs: [],
  };
  return { ...notebook, cells: [...cells.slice(0, at), injected, ...cells.slice(at)] };
}
