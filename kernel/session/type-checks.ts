/**
 * Types are checked while the cell runs, or after it: what the check finds appears under the cell when it is known.
 * The language server starts once no cell has begun or ended for a moment. Its work for a cell begins `BEGIN_AFTER_MS`
 * after the cell: a short cell has ended by then, and would be slower if both ran at once.
 */
import type { TypedText } from '../contracts/compiler.ts';
import type { Diagnostic, LanguageService } from '../contracts/language-service.ts';
import type { Settings } from '../contracts/magics.ts';
import { once } from '../../src/base/once.ts';
import type { Execution, Helped } from './executions.ts';
import { inCell, problemsHint, takeHint } from './hints.ts';
import type { Iopub } from './iopub.ts';

/** A cell that was compiled. */
export interface CheckedCell extends Helped {
  typed: TypedText;
}

interface Cell {
  execution: Execution;
  cell: CheckedCell;
  /** Names that came into being; undefined while it runs. */
  declared?: readonly string[];
}

export interface Problems {
  problems: Diagnostic[];
  /** One line of help. */
  hint: string | undefined;
}

/** Longer than a short cell takes, also when its code has left the CPU's caches. */
const BEGIN_AFTER_MS = 15;

export class TypeChecks {
  readonly #language: () => Promise<LanguageService>;
  readonly #iopub: Iopub;
  readonly #settings: Settings;
  readonly #log: (message: string) => void;
  readonly #names: () => readonly string[];
  /** Cells from before the server was started. */
  #early: Cell[] | undefined = [];
  #used = false;
  /** Calls that wait for the service, in order. */
  #waiting: ((service: LanguageService) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    language: () => Promise<LanguageService>;
    iopub: Iopub;
    settings: Settings;
    log: (message: string) => void;
    /** Names of the session, for help with errors. */
    names: () => readonly string[];
  }) {
    this.#language = once(options.language);
    this.#iopub = options.iopub;
    this.#settings = options.settings;
    this.#log = options.log;
    this.#names = options.names;
  }

  /** The service; it knows all cells. */
  async service(): Promise<LanguageService> {
    this.#used = true;
    const service = await this.#language();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const tell of this.#waiting.splice(0)) tell(service);
    return service;
  }

  /** Tells the service something after a moment, or before it is used for anything else. */
  #later(tell: (service: LanguageService) => void): void {
    this.#waiting.push(tell);
    this.#timer ??= setTimeout(() => {
      this.service().catch((error: unknown) => this.#log(`cannot check types: ${String(error)}`));
    }, BEGIN_AFTER_MS);
  }

  /** Starts the server and checks the cells that were run before. */
  async start(): Promise<void> {
    const early = this.#early;
    if (!early) return;
    // A failure leaves the cells where they are, for the next try.
    const service = await this.service();
    if (this.#early !== early) return;
    this.#early = undefined;
    service.start();
    for (const { execution, cell, declared } of early) {
      service.addCell(execution.id, cell.typed.source, cell.typed.reading);
      if (declared) service.commit(execution.id, declared);
    }
    for (const { execution, cell } of early) void this.#report(execution, cell);
  }

  /**
   * A cell that runs now. Resolves when its problems were published; never rejects.
   *
   * @param isAwaited the cell's reply waits for it
   */
  async add(execution: Execution, cell: CheckedCell, isAwaited: boolean): Promise<void> {
    if (this.#early) {
      this.#early.push({ execution, cell });
      return;
    }
    const reported = new Promise<void>((resolve) => {
      this.#later((service) => {
        service.addCell(execution.id, cell.typed.source, cell.typed.reading);
        void this.#report(execution, cell).then(resolve);
      });
    });
    if (!isAwaited) return;
    try {
      await this.service();
      await reported;
    } catch (error) {
      this.#log(`cannot check types: ${String(error)}`);
    }
  }

  /** The cell has ended: the names that it brought into being, or undefined if it did not run at all. */
  commit(execution: Execution, declared: readonly string[] | undefined): void {
    const waiting = this.#early?.find((cell) => cell.execution === execution);
    if (waiting) waiting.declared = declared ?? [];
    else if (!this.#early) this.#later((service) => service.commit(execution.id, declared));
  }

  /** For `%typecheck error`, and for runs that wait: what is wrong with a cell, before it runs. */
  async check(execution: Execution, cell: CheckedCell): Promise<Problems> {
    await this.start();
    const service = await this.service();
    service.addCell(execution.id, cell.typed.source, cell.typed.reading);
    return this.#problems(execution, cell, await service.diagnostics(execution.id));
  }

  #problems(execution: Execution, cell: CheckedCell, found: readonly Diagnostic[]): Problems {
    const problems = inCell(found, cell.typed);
    return { problems, hint: problemsHint(problems, execution.id, this.#names(), cell) };
  }

  async reset(): Promise<void> {
    if (this.#early) this.#early = [];
    else (await this.service()).reset();
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#used) await (await this.#language()).dispose();
  }

  async #report(execution: Execution, cell: CheckedCell): Promise<void> {
    if (this.#settings.typecheck === 'off' || execution.silent) return;
    try {
      const service = await this.service();
      const found = await service.diagnostics(execution.id);
      // The cell, or the kernel, may have gone another way in the meantime.
      if ((this.#settings.typecheck as string) === 'off' || found.length === 0) return;
      const { problems, hint } = this.#problems(execution, cell, found);
      // An error may come, below which it stands better.
      if (hint !== undefined && execution.running) execution.hints.waiting ??= hint;
      const isDue = hint !== undefined && !execution.running && takeHint(execution);
      const help = isDue ? `hint: ${hint}\n` : '';
      this.#iopub.stream('stderr', formatDiagnostics(problems, execution) + help, execution.parent);
    } catch (error) {
      this.#log(`cannot check types: ${String(error)}`);
    }
  }
}

const COLOURS = { error: '\u001b[31m', warning: '\u001b[33m' } as const;

/** Problems of one cell that are shown. */
const SHOWN = 100;

/** One line each: where, what, and TypeScript's number to look it up. Lines and columns count from 1. */
export function formatDiagnostics(problems: readonly Diagnostic[], execution: Execution): string {
  const more = problems.length > SHOWN ? `and ${problems.length - SHOWN} more type errors\n` : '';
  return problems
    .slice(0, SHOWN)
    .map(({ severity, code, message, start, execution: id }) => {
      const cell = id === execution.id ? '' : 'earlier cell, ';
      const where = `${cell}line ${start.line + 1}:${start.column + 1}`;
      return `${COLOURS[severity]}type ${severity}\u001b[39m ${where} ${message} \u001b[2m(TS${code})\u001b[22m\n`;
    })
    .join('')
    .concat(more);
}
