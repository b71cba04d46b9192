/** One line of help below an error or a cell: each cell shows one at most. */
import type { Slips, TypedText } from '../contracts/compiler.ts';
import type { Diagnostic } from '../contracts/language-service.ts';
import type { CellError } from '../contracts/values.ts';
import { declaredHint, errorHint, typeHint } from '../slips/index.ts';
import type { Execution, Helped } from './executions.ts';

/** The error with its help as the last line, unless the cell has shown a line of help. */
export function withHint(error: CellError, execution: Execution | undefined): CellError {
  const hint = error.hint ?? (error.reason === 'interrupted' ? undefined : execution?.hints.waiting);
  if (hint === undefined || (execution && !takeHint(execution))) return error;
  const { hint: _, ...rest } = error;
  return { ...rest, traceback: [...error.traceback, `hint: ${hint}`] };
}

/** Whether a cell may show a line of help; the next time it may not. */
export function takeHint({ hints }: Execution): boolean {
  if (hints.shown) return false;
  hints.shown = true;
  return true;
}

/** The error of a cell, with help as far as its message tells. */
export function explained(
  error: CellError,
  names: readonly string[],
  { source, slips }: Helped = { source: '' },
): CellError {
  if (error.hint !== undefined || error.reason !== undefined) return error;
  const missing = /^([\p{ID_Start}$_][\p{ID_Continue}$]*) is not defined$/u.exec(error.message)?.[1];
  const own = error.name === 'ReferenceError' && missing !== undefined ? ownHint(missing, slips) : undefined;
  const hint = own ?? errorHint(error.name, error.message, names, source);
  return hint === undefined ? error : { ...error, hint };
}

function ownHint(name: string, slips: Slips | undefined): string | undefined {
  return slips && Object.hasOwn(slips.undefined, name) ? slips.undefined[name] : undefined;
}

/** Help for a cell that ran: about what it means, or what it declared. */
export function ranHint(
  slips: Slips | undefined,
  declared: readonly string[],
  fromRun: string | undefined,
): string | undefined {
  const misread = slips?.misread ?? fromRun;
  if (misread !== undefined || !slips) return misread;
  const introduced = slips.introduced.filter((name) => declared.includes(name));
  return introduced.length > 0 ? declaredHint(introduced, slips.divides) : undefined;
}

/** Help for the first type error that there is some for. */
export function problemsHint(
  problems: readonly Diagnostic[],
  execution: number,
  names: readonly string[],
  { source, slips }: Helped,
): string | undefined {
  const lines = source.split('\n');
  for (const { code, message, end, execution: at } of problems) {
    if (at !== execution) continue;
    const named = /^Cannot find name '([^']+)'/.exec(message)?.[1];
    const after = lines[end.line]?.slice(end.column) ?? '';
    const hint =
      (named === undefined ? undefined : ownHint(named, slips)) ??
      typeHint(code, message, { names, source, after });
    if (hint !== undefined) return hint;
  }
  return undefined;
}

/** Problems at the positions of the cell as it was typed. */
export function inCell(problems: readonly Diagnostic[], { insertions }: TypedText): Diagnostic[] {
  if (!insertions || insertions.length === 0) return [...problems];
  const place = (position: Diagnostic['start']): Diagnostic['start'] => {
    let taken = 0;
    for (const { line, column, length } of insertions)
      if (line === position.line) taken += Math.max(0, Math.min(length, position.column - column));
    return { line: position.line, column: position.column - taken };
  };
  return problems.map((problem) => ({ ...problem, start: place(problem.start), end: place(problem.end) }));
}
