/** What is known of an error that another process has reported, as a cell shows it. */
export interface ErrorReport {
  name: string;
  message: string;
  /** Lines as Jupyter shows them. */
  traceback: string[];
  /** What kind of failure it is, for programs. */
  code?: string;
}

/** An error that the kernel process or Python has reported; a cell shows it as it came, without our own frames. */
export class ReportedError extends Error {
  readonly #report: ErrorReport;

  constructor(report: ErrorReport, options?: ErrorOptions) {
    super(report.message, options);
    this.name = report.name;
    this.#report = report;
  }

  /** Lines as Jupyter shows them: ANSI colours, the innermost frame last. */
  get traceback(): readonly string[] {
    return this.#report.traceback;
  }

  /** Tells by a private name: `instanceof` would call the traps of a proxy that a cell has thrown. */
  static reportOf(thrown: unknown): ErrorReport | undefined {
    return typeof thrown === 'object' && thrown !== null && #report in thrown ? thrown.#report : undefined;
  }
}
