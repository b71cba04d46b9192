/** One cell's journey: split, compile, run, commit, and the reply. */
import type { CellParts, CompileResult, SessionCompiler } from '../contracts/compiler.ts';
import type { ExecuteOutcome, RuntimeHost } from '../contracts/runtime-host.ts';
import type { CellError } from '../contracts/values.ts';
import type { Parent } from '../wire/codec.ts';
import type { ExecuteReply, ExecuteRequest } from '../wire/messages.ts';
import type { Assistance } from './assistance.ts';
import { interruptedError, toCellError } from './cell-error.ts';
import type { Execution, Executions, Helped } from './executions.ts';
import { explained, ranHint, takeHint, withHint } from './hints.ts';
import type { History } from './history.ts';
import type { Iopub } from './iopub.ts';
import type { MagicRunner } from './magic-runner.ts';
import { publishError } from './runtime-output.ts';
import type { Stdin } from './stdin.ts';
import type { Surroundings } from './surroundings.ts';
import { formatDiagnostics } from './type-checks.ts';
import { unhandledError } from './unattended.ts';
import type { UnattendedOutput } from './unattended.ts';
import type { Problems, TypeChecks } from './type-checks.ts';
import { beginsAsMagic, isBlankOrComment } from '../contracts/magic-syntax.ts';

export interface CellRunnerOptions {
  compiler: () => Promise<SessionCompiler>;
  runtimeHost: RuntimeHost;
  executions: Executions;
  iopub: Iopub;
  stdin: Stdin;
  history: History;
  surroundings: Surroundings;
  typeChecks: TypeChecks;
  magics: () => MagicRunner;
  assistance: () => Assistance;
  /** Replies wait for type errors: for runs without a person who could see them later. */
  waitForTypes: boolean;
  unattended: UnattendedOutput;
}

export class CellRunner {
  readonly #options: CellRunnerOptions;
  #count = 0;

  constructor(options: CellRunnerOptions) {
    this.#options = options;
  }

  /** Publishes all that the cell says, and resolves to its reply. Never rejects. */
  async run(request: ExecuteRequest, parent: Parent): Promise<ExecuteReply> {
    const { iopub, history, stdin, unattended } = this.#options;
    const { code, silent } = request;
    const blank = code.trim() === '';
    const stored = request.store_history && !blank;
    if (stored) this.#count++;
    const count = this.#count;
    const execution = this.#options.executions.begin({
      parent,
      count,
      silent,
      allowStdin: request.allow_stdin,
      numbered: stored,
      unattended: !silent && !request.allow_stdin,
    });
    if (!silent) iopub.announce('execute_input', { code, execution_count: count }, parent);
    unattended.began(execution);

    let error: CellError | undefined;
    let user: Record<string, Record<string, unknown>> = {};
    const payload: Record<string, unknown>[] = [];
    try {
      const asked = askedFor(code);
      if (asked) {
        payload.push(await this.#page(asked));
      } else if (await this.#isExit(code)) {
        // This ends a console; a notebook ignores it.
        payload.push({ source: 'ask_exit', keepkernel: false });
      } else if (!blank) {
        const outcome = await this.#runCell(code, execution);
        if (outcome.status === 'error') error = outcome.error;
      }
      if (!error) user = await this.#evaluate(request.user_expressions, execution);
    } catch (thrown) {
      error = toCellError(thrown);
    }
    const unhandled = unhandledError(execution);
    // The cell's own error goes into its reply; the other one must not be lost.
    if (error && unhandled) publishError(iopub, unhandled, execution);
    error ??= unhandled;
    if (error) error = withHint(error, execution);
    else this.#help(execution);
    execution.running = false;
    stdin.forget(execution.id);
    if (stored) history.add(count, code, execution.output);
    if (!error) return { status: 'ok', execution_count: count, payload, user_expressions: user };
    publishError(iopub, error, execution);
    return {
      status: 'error',
      execution_count: count,
      ename: error.name,
      evalue: error.message,
      traceback: error.traceback,
      payload: [],
      user_expressions: {},
    };
  }

  /** `exit` or `quit` as IPython's consoles have it, unless a cell has declared the name. */
  async #isExit(code: string): Promise<boolean> {
    if (code.length > LONGEST_NAME) return false;
    const name = /^\s*(exit|quit)\s*(?:\(\s*\))?\s*;?\s*$/.exec(code)?.[1];
    if (name === undefined) return false;
    const compiler = await this.#options.compiler();
    return !compiler.bindings().some((binding) => binding.name === name);
  }

  /** `?name`, `name?`: what a tooltip would show, in the pager. `??` shows all of it. */
  async #page({ name, detail }: { name: string; detail: 0 | 1 }): Promise<Record<string, unknown>> {
    const { found, data } = await this.#options
      .assistance()
      .inspect({ code: name, cursor_pos: Array.from(name).length, detail_level: detail });
    if (!found) throw Object.assign(new Error(`no information about ${name}`), { name: 'NotFound' });
    return { source: 'page', data, start: 0 };
  }

  /** TypeScript that a magic runs as part of its cell. */
  async runSource(code: string, within: Execution): Promise<ExecuteOutcome> {
    if (!within.inRuntime) return await this.#runCode(code, within);
    // The cell itself waits for the magic: the code that the magic runs needs a separate number.
    const execution = this.#options.executions.begin(within);
    try {
      return await this.#runCode(code, execution);
    } finally {
      execution.running = false;
    }
  }

  async #runCell(code: string, execution: Execution): Promise<ExecuteOutcome> {
    const compiler = await this.#options.compiler();
    const parts = await compiler.split(code, execution.abort.signal);
    if (parts.kind === 'cell-magic') {
      await this.#options.magics().run(parts.name, parts.line, parts.body, execution);
      return OK;
    }
    if (holdsOnlyMagics(code, parts)) {
      // Without the runtime process: they answer although it is busy, and %restart does not kill its own cell.
      for (const { name, line } of parts.magics)
        await this.#options.magics().run(name, line, undefined, execution);
      return OK;
    }
    return await this.#runCode(code, execution);
  }

  async #runCode(code: string, execution: Execution): Promise<ExecuteOutcome> {
    const { typeChecks, runtimeHost, surroundings } = this.#options;
    const waitForTypes = this.#options.waitForTypes || execution.unattended;
    const compiler = await this.#options.compiler();
    const compiled = await compiler.compile(code, execution.id, execution.abort.signal);
    if (!compiled.ok) return failed(syntaxError(compiled));
    const { slips, typed } = compiled;
    const cell = { source: code, typed, ...(slips ? { slips } : {}) };
    if (code.length <= LONGEST_HELPED) execution.helped = cell;
    let checked: Promise<void> | undefined;
    if (surroundings.settings.typecheck === 'error') {
      const wrong = await untilAborted(typeChecks.check(execution, cell), execution.abort.signal);
      if (wrong.problems.some(({ severity }) => severity === 'error')) {
        typeChecks.commit(execution, undefined);
        return failed(typeError(wrong, execution));
      }
    } else {
      if (waitForTypes) await typeChecks.start();
      checked = typeChecks.add(execution, cell, waitForTypes);
    }
    if (execution.abort.signal.aborted) return failed(interruptedError());
    execution.inRuntime = true;
    const outcome = await runtimeHost.execute({
      execution: execution.id,
      cell: compiled.cell,
      silent: execution.silent,
      allowStdin: execution.allowStdin,
    });
    execution.inRuntime = false;
    compiler.commit(execution.id, outcome.declared);
    typeChecks.commit(execution, outcome.declared);
    if (waitForTypes) await checked;
    return await this.#helped(outcome, execution, cell);
  }

  /** Help with a cell that ran, below it. */
  #help(execution: Execution): void {
    const { waiting } = execution.hints;
    if (waiting !== undefined && !execution.silent && takeHint(execution))
      this.#options.iopub.stream('stderr', `hint: ${waiting}\n`, execution.parent);
  }

  /** Adds help to an error; that with a cell that ran waits for its end. */
  async #helped(outcome: ExecuteOutcome, execution: Execution, cell: Helped): Promise<ExecuteOutcome> {
    const hint = ranHint(cell.slips, outcome.declared, outcome.hint);
    if (outcome.status === 'error') {
      const names = (await this.#options.compiler()).bindings().map(({ name }) => name);
      const error = explained(outcome.error, names, cell);
      const helped = hint === undefined || error.hint !== undefined ? error : { ...error, hint };
      return { ...outcome, error: outcome.error.reason === undefined ? helped : error };
    }
    if (hint !== undefined) execution.hints.waiting = hint;
    return outcome;
  }

  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute (user_expressions) */
  async #evaluate(
    expressions: Record<string, string>,
    execution: Execution,
  ): Promise<Record<string, Record<string, unknown>>> {
    const names = Object.keys(expressions);
    if (names.length === 0) return {};
    const compiler = await this.#options.compiler();
    // Names come from the front end: `__proto__` is one like any other here.
    const compiled = Object.create(null) as Record<string, CompileResult>;
    const found = Object.create(null) as Record<string, Record<string, unknown>>;
    for (const [name, expression] of Object.entries(expressions)) {
      try {
        const result = await compiler.compile(expression, execution.id, execution.abort.signal);
        if (result.ok) compiled[name] = { ok: true, cell: result.cell };
        else found[name] = errorValue(syntaxError(result));
      } catch (error) {
        found[name] = errorValue(toCellError(error));
      }
    }
    if (Object.keys(compiled).length === 0) return found;
    const values = await this.#options.runtimeHost.evaluate(execution.id, compiled);
    for (const [name, value] of Object.entries(values)) {
      found[name] =
        'error' in value
          ? errorValue(value.error)
          : { status: 'ok', data: value.payload.data, metadata: value.payload.metadata };
    }
    return found;
  }
}

/** Texts of that length are kept for help with errors that come after their cell. */
const LONGEST_HELPED = 20_000;

/** `?` shows help for a name with dots. */
const LONGEST_NAME = 500;

/** IPython's way to ask: never TypeScript, since no expression begins or ends with a question mark. */
export function askedFor(code: string): { name: string; detail: 0 | 1 } | undefined {
  const asked = code.trim();
  if (asked.length > LONGEST_NAME || !/^\?|\?$/.test(asked)) return undefined;
  const [, before, name, after] =
    /^(\?{0,2})\s*(%{0,2}[\p{ID_Start}$_][\p{ID_Continue}$.]*)\s*(\?{0,2})$/u.exec(asked) ?? [];
  const marks = `${before ?? ''}${after ?? ''}`;
  return name === undefined || marks === '' ? undefined : { name, detail: marks.length > 1 ? 1 : 0 };
}

const OK: ExecuteOutcome = { status: 'ok', declared: [] };

function failed(error: CellError): ExecuteOutcome {
  return { status: 'error', declared: [], error };
}

function errorValue(error: CellError): Record<string, unknown> {
  return { status: 'error', ename: error.name, evalue: error.message, traceback: error.traceback };
}

function syntaxError(result: Extract<CompileResult, { ok: false }>): CellError {
  return {
    name: 'SyntaxError',
    message: result.problem.message,
    traceback: [`\u001b[31mSyntaxError\u001b[39m: ${result.problem.message}`, ...result.frame.split('\n')],
    reason: 'syntax',
    ...(result.hint === undefined ? {} : { hint: result.hint }),
  };
}

function typeError({ problems, hint }: Problems, execution: Execution): CellError {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const message = `${errors} type ${errors === 1 ? 'error' : 'errors'}; the cell did not run (%typecheck warn runs it anyway)`;
  return {
    name: 'TypeCheckError',
    message,
    traceback: [...formatDiagnostics(problems, execution).trimEnd().split('\n'), message],
    reason: 'types',
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Every line that is not blank or a comment is a magic that stands alone (`x = !ls` and `%time code` do not). */
function holdsOnlyMagics(code: string, parts: Extract<CellParts, { kind: 'code' }>): boolean {
  if (parts.magics.length === 0) return false;
  if (parts.magics.some(({ name, interpolates }) => name === 'time' || interpolates)) return false;
  const magicLines = new Set(parts.magics.map(({ at }) => at.line));
  return code
    .split(/\r?\n/)
    .every((text, line) => (magicLines.has(line) ? beginsAsMagic(text) : isBlankOrComment(text)));
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void =>
      reject(Object.assign(new Error('the cell was interrupted'), { name: 'Interrupted' }));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  return await Promise.race([promise, aborted]);
}
