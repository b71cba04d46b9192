import { processWide } from './process-wide.ts';

/** An error that another process has reported, as a cell shows it. */
export interface ErrorReport {
  name: string;
  message: string;
  /** Lines as Jupyter shows them. */
  traceback: string[];
  /** The kind of failure, for programs. */
  code?: string;
}

const reports = processWide('reports', () => new WeakMap<object, ErrorReport>());

/** An error that the kernel process or Python has reported; a cell shows it as it came, without our own frames. */
export class ReportedError extends Error {
  constructor(report: ErrorReport, options?: ErrorOptions) {
    super(report.message, options);
    this.name = report.name;
    reports.set(this, report);
  }

  /** Lines as Jupyter shows them: ANSI colours, the innermost frame last. */
  get traceback(): readonly string[] {
    return reports.get(this)?.traceback ?? [];
  }

  /** Tells by the object itself: `instanceof` would call the traps of a proxy that a cell has thrown. */
  static reportOf(thrown: unknown): ErrorReport | undefined {
    return typeof thrown === 'object' && thrown !== null ? reports.get(thrown) : undefined;
  }
}
