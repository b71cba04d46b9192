/** The parts of a session, put together. */
import type { SessionCompiler } from '../contracts/compiler.ts';
import type { PythonHost } from '../contracts/python.ts';
import type { RuntimeHost } from '../contracts/runtime-host.ts';
import { once } from '../../src/base/once.ts';
import { Assistance } from './assistance.ts';
import { CellRunner } from './cell-runner.ts';
import { Comms } from './comms.ts';
import { Executions } from './executions.ts';
import { History } from './history.ts';
import { Iopub } from './iopub.ts';
import { MagicRunner } from './magic-runner.ts';
import { createOutbox } from './outbox.ts';
import type { Outbox } from './outbox.ts';
import type { SessionOptions } from './options.ts';
import { RuntimeOutput } from './runtime-output.ts';
import { Stdin } from './stdin.ts';
import { Surroundings } from './surroundings.ts';
import { TrainingDisplay } from './training-display.ts';
import { TypeChecks } from './type-checks.ts';

const VARIABLES_GONE =
  'The runtime process was replaced by a new one: variables, functions and imports of earlier cells are lost.\n';

/**
 * Each part gets what it calls of the others. They call each other in circles (a cell runs a magic, which runs a cell),
 * so some get a function that finds the other part when it is needed.
 */
export class SessionParts {
  readonly outbox: Outbox;
  readonly iopub: Iopub;
  readonly executions = new Executions();
  readonly comms: Comms;
  readonly stdin: Stdin;
  readonly history: History;
  readonly runtimeHost: RuntimeHost;
  readonly surroundings: Surroundings;
  readonly typeChecks: TypeChecks;
  readonly cells: CellRunner;
  readonly assistance: Assistance;
  readonly #options: SessionOptions;
  readonly #training: TrainingDisplay;
  readonly #output: RuntimeOutput;
  readonly #magics: MagicRunner;
  #compiler: SessionCompiler | undefined;
  #python: PythonHost | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { codec, transport, log } = options;
    const { executions } = this;
    this.outbox = createOutbox(codec, transport);
    this.iopub = new Iopub(codec, transport);
    this.history = new History({ path: options.historyPath, log });
    this.#training = new TrainingDisplay(this.iopub);
    this.comms = this.#createComms();
    this.stdin = new Stdin({
      outbox: this.outbox,
      executions,
      answer: (answer, blocking) =>
        blocking ? this.runtimeHost.sendControl(answer) : this.runtimeHost.send(answer),
    });
    this.#output = this.#createOutput();
    this.runtimeHost = options.createRuntimeHost(this.#output);
    this.surroundings = new Surroundings({
      directory: options.directory,
      environment: options.environment,
      send: (message) => this.runtimeHost.send(message),
      language: () => this.typeChecks.service(),
    });
    this.typeChecks = new TypeChecks({
      language: options.language,
      iopub: this.iopub,
      settings: this.surroundings.settings,
      log,
      names: () => this.#names(),
    });
    this.cells = this.#createCells();
    this.#magics = this.#createMagics();
    this.assistance = new Assistance({
      magics: options.magics,
      typeChecks: this.typeChecks,
      runtimeHost: this.runtimeHost,
      python: () => this.#python,
    });
    this.runtimeHost.onReplaced(() => this.#runtimeReplaced());
  }

  /** Once a cell has used Python. */
  get python(): PythonHost | undefined {
    return this.#python;
  }

  /** Ends the processes of all parts. */
  async dispose(): Promise<void> {
    this.#compiler?.dispose();
    await Promise.allSettled([
      this.runtimeHost.dispose(),
      this.#python?.dispose(),
      this.typeChecks.dispose(),
      this.history.close(),
    ]);
  }

  /** Names that cells have declared. */
  #names(): string[] {
    return this.#compiler?.bindings().map(({ name }) => name) ?? [];
  }

  #createComms(): Comms {
    return new Comms({
      iopub: this.iopub,
      executions: this.executions,
      toRuntime: (message) => this.runtimeHost.send(message),
      toPython: (message, id) => this.#python?.comm(message, id) ?? false,
    });
  }

  #createOutput(): RuntimeOutput {
    return new RuntimeOutput({
      iopub: this.iopub,
      executions: this.executions,
      comms: this.comms,
      stdin: this.stdin,
      training: this.#training,
      magic: (message) => void this.#magics.answer(message),
      request: (message) => void this.#magics.request(message),
      surroundings: (change) => this.surroundings.adopt(change, 'runtime'),
      names: () => this.#names(),
    });
  }

  #createCells(): CellRunner {
    return new CellRunner({
      compiler: async () => (this.#compiler ??= await this.#options.compiler()),
      runtimeHost: this.runtimeHost,
      executions: this.executions,
      iopub: this.iopub,
      stdin: this.stdin,
      history: this.history,
      surroundings: this.surroundings,
      typeChecks: this.typeChecks,
      magics: () => this.#magics,
      assistance: () => this.assistance,
      waitForTypes: this.#options.waitForTypes,
      unattended: this.#output.unattended,
    });
  }

  #createMagics(): MagicRunner {
    const loadPython = once(() => this.#createPython());
    return new MagicRunner({
      registry: this.#options.magics,
      executions: this.executions,
      iopub: this.iopub,
      runtimeHost: this.runtimeHost,
      surroundings: this.surroundings,
      bindings: () => this.#compiler?.bindings() ?? [],
      training: this.#training,
      runSource: (source, execution) => this.cells.runSource(source, execution),
      python: async () => (this.#python = await loadPython()),
    });
  }

  #createPython(): Promise<PythonHost> {
    return this.#options.createPython({
      surroundings: this.surroundings,
      sink: {
        output: (message) => {
          if (message.type !== 'comm') return this.#output.output(message);
          this.comms.send(message, 'python');
          return this.iopub.backPressure();
        },
      },
      ask: async (execution, question) =>
        await new Promise((resolve) => {
          this.stdin.ask({ type: 'input', id: 0, execution, blocking: false, ...question }, resolve);
        }),
    });
  }

  #runtimeReplaced(): void {
    this.#compiler?.reset();
    void this.typeChecks.reset();
    this.comms.closeAll();
    this.stdin.forgetAll();
    this.surroundings.repeat();
    this.#training.runtimeEnded();
    const last = this.executions.find(0);
    if (last) this.iopub.stream('stderr', VARIABLES_GONE, last.parent);
  }
}
