import type { CellError } from '../interfaces.ts';
import { describeError } from './errors.ts';

/** An error that the kernel process has reported, such as that of a magic; it is shown as it came. */
export class ReportedError extends Error {
  readonly #report: CellError;

  constructor(report: CellError) {
    super(report.message);
    this.name = report.name;
    this.#report = report;
  }

  /** Tells by a private name: `instanceof` would call the traps of a proxy that a cell has thrown. */
  static reportOf(thrown: unknown): CellError | undefined {
    return typeof thrown === 'object' && thrown !== null && #report in thrown ? thrown.#report : undefined;
  }
}

/** What a cell is told of anything that was thrown. */
export function describeThrown(thrown: unknown): CellError {
  return ReportedError.reportOf(thrown) ?? describeError(thrown);
}
