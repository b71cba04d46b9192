import { ReportedError } from '../src/base/reported-error.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { describeError } from './errors.ts';
import type { Names } from './names.ts';

export { ReportedError };

/** The error of a cell for anything that was thrown. */
export function describeThrown(thrown: unknown, names?: Names): CellError {
  return ReportedError.reportOf(thrown) ?? describeError(thrown, names);
}
