/** Magics run in the kernel process, on behalf of a cell. */
import type { MagicContext, MagicOutput, MagicRegistry, MagicSession } from '../contracts/magics.ts';
import type { RuntimeMessage } from '../contracts/messages.ts';
import type { PythonCell, PythonHost } from '../contracts/python.ts';
import type { ExecuteOutcome, RuntimeHost } from '../contracts/runtime-host.ts';
import { toCellError } from './cell-error.ts';
import type { Execution, Executions } from './executions.ts';
import type { Iopub } from './iopub.ts';
import { publishDisplay } from './runtime-output.ts';
import type { Surroundings } from './surroundings.ts';
import type { TrainingDisplay } from './training-display.ts';

export class MagicRunner {
  readonly #registry: () => Promise<MagicRegistry>;
  readonly #executions: Executions;
  readonly #iopub: Iopub;
  readonly #runtimeHost: RuntimeHost;
  readonly #surroundings: Surroundings;
  readonly #bindings: MagicSession['bindings'];
  readonly #training: TrainingDisplay;
  readonly #runSource: (source: string, execution: Execution) => Promise<ExecuteOutcome>;
  readonly #python: () => Promise<PythonHost>;

  constructor(options: {
    registry: () => Promise<MagicRegistry>;
    executions: Executions;
    iopub: Iopub;
    runtimeHost: RuntimeHost;
    surroundings: Surroundings;
    bindings: MagicSession['bindings'];
    training: TrainingDisplay;
    runSource: (source: string, execution: Execution) => Promise<ExecuteOutcome>;
    python: () => Promise<PythonHost>;
  }) {
    this.#registry = options.registry;
    this.#executions = options.executions;
    this.#iopub = options.iopub;
    this.#runtimeHost = options.runtimeHost;
    this.#surroundings = options.surroundings;
    this.#bindings = options.bindings;
    this.#training = options.training;
    this.#runSource = options.runSource;
    this.#python = options.python;
  }

  /** Resolves to the magic's value; rejects with what makes the cell fail. */
  async run(name: string, line: string, body: string | undefined, execution: Execution): Promise<unknown> {
    const registry = await this.#registry();
    const context: MagicContext = {
      name,
      line,
      body,
      execution: execution.id,
      output: this.#output(execution),
      signal: execution.abort.signal,
      session: this.#session(execution),
    };
    return await registry.run(context);
  }

  /** A magic line inside of a cell that the runtime process is running: it waits for the answer. */
  async answer(message: Extract<RuntimeMessage, { type: 'magic' }>): Promise<void> {
    const { id, name, line } = message;
    const execution = this.#executions.find(message.execution);
    if (!execution) return;
    try {
      const value = await this.run(name, line, undefined, execution);
      this.#runtimeHost.send({ type: 'magic-reply', id, ok: true, value: toPlain(value) });
    } catch (thrown) {
      this.#runtimeHost.send({ type: 'magic-reply', id, ok: false, error: toCellError(thrown) });
    }
  }

  /** Something that the library asks of the kernel process. */
  async request(message: Extract<RuntimeMessage, { type: 'request' }>): Promise<void> {
    const { id, service, argument } = message;
    const execution = this.#executions.find(message.execution);
    try {
      if (service !== 'python' || !execution) throw new Error(`unknown service: ${service}`);
      const value = await (await this.#python()).answer(argument, pythonCell(execution));
      this.#runtimeHost.send({ type: 'magic-reply', id, ok: true, value });
    } catch (thrown) {
      this.#runtimeHost.send({ type: 'magic-reply', id, ok: false, error: toCellError(thrown) });
    }
  }

  #output(execution: Execution): MagicOutput {
    const stream = (name: 'stdout' | 'stderr', text: string): void | Promise<void> => {
      if (execution.silent) return;
      this.#iopub.stream(name, text, execution.parent);
      return this.#iopub.backPressure();
    };
    return {
      stdout: (text) => stream('stdout', text),
      stderr: (text) => stream('stderr', text),
      display: (payload, update = false) => {
        publishDisplay(this.#iopub, payload, update, execution);
        return this.#iopub.backPressure();
      },
    };
  }

  #session(execution: Execution): MagicSession {
    const surroundings = this.#surroundings;
    const runtimeHost = this.#runtimeHost;
    return {
      get directory() {
        return surroundings.directory;
      },
      setDirectory: (path) => surroundings.setDirectory(path),
      get environment() {
        return surroundings.environment;
      },
      setEnvironment: (name, value) => surroundings.setEnvironment(name, value),
      bindings: this.#bindings,
      run: (source) => this.#runSource(source, execution),
      ask: (question, argument, timeoutMs) => runtimeHost.ask(question, argument, timeoutMs),
      restartRuntime: (why) => runtimeHost.restart(why),
      training: () => this.#training.last,
      runPython: async (code) => await (await this.#python()).run(code, pythonCell(execution)),
      askPython: async (request) => await (await this.#python()).answer(request, pythonCell(execution)),
      settings: surroundings.settings,
    };
  }
}

function pythonCell({ id, count, parent, silent, allowStdin, running, abort }: Execution): PythonCell {
  const messageId = parent.header.msg_id;
  return { execution: id, count, messageId, silent, allowStdin: allowStdin && running, signal: abort.signal };
}

/** A value that can be sent to the runtime process: structured clone refuses functions and the like. */
function toPlain(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
