/**
 * Python cells: the environment in use, the ipykernels that run, and their output as messages of the
 * session. They belong to the kernel process, so they answer while a cell runs and outlive the runtime process.
 */
import { bridgeFile } from '../../src/interop/python/bridge-file.ts';
import {
  defaultEnvironment,
  findEnvironments,
  resolveEnvironment,
} from '../../src/interop/python/environments.ts';
import type { PythonEnvironment, Surroundings } from '../../src/interop/python/environments.ts';
import type { PythonDevices } from '../../src/interop/python/devices.ts';
import { PythonError } from '../../src/interop/python/errors.ts';
import type {
  PythonProcessDescription,
  PythonRequest,
  PythonStatus,
} from '../../src/interop/python/requests.ts';
import type { CommMessage, SurroundingsChange } from '../contracts/messages.ts';
import type { PythonCell, PythonHost } from '../contracts/python.ts';
import type { OutputSink } from '../contracts/runtime-host.ts';
import type { FromKernel } from '../wire/client-codec.ts';
import { PythonFailure, failureFrom } from './failure.ts';
import { PythonProcess, noIpykernel } from './python-process.ts';
import { toRuntimeMessage } from './messages.ts';
import { SharedSurroundings } from './shared-surroundings.ts';

export interface PythonHostOptions {
  surroundings: () => Surroundings;
  /** Python has changed its folder or environment. */
  adopt: (change: SurroundingsChange) => void;
  sink: OutputSink;
  /** Asks the person at the front end; undefined when it allows no input. */
  ask: (execution: number, question: { prompt: string; password: boolean }) => Promise<string | undefined>;
  log: (message: string) => void;
}

/** Completion and help do not wait longer for a Python that computes. */
const ASSISTANCE_MS = 2000;
/** A start that takes longer is worth a line. */
const SLOW_START_MS = 400;

export function createPythonHost(options: PythonHostOptions): PythonHost {
  return new KernelPythonHost(options);
}

class KernelPythonHost implements PythonHost {
  readonly #options: PythonHostOptions;
  /** By executable: those that run. */
  readonly #processes = new Map<string, PythonProcess>();
  readonly #shared = new WeakMap<PythonProcess, SharedSurroundings>();
  /** Which process holds the other end of a comm. */
  readonly #comms = new Map<string, PythonProcess>();
  /** Cells of TypeScript that run Python: its results are shown, and are not the cell's. */
  readonly #inTypeScript = new Set<number>();
  #chosen: PythonEnvironment | undefined;
  /** Each ends the wait of a cell for a Python that starts. */
  readonly #starting = new Set<() => void>();
  /** The person was told that an interrupt is not heard: the next one ends Python. */
  #stubborn = false;
  #displays = 0;
  #disposed = false;

  constructor(options: PythonHostOptions) {
    this.#options = options;
  }

  async run(code: string, cell: PythonCell): Promise<Record<string, unknown>[]> {
    const process = await this.#started(cell);
    // An interrupt from before the request was sent: later ones are heard by the process.
    if (cell.signal.aborted) throw interruptedStart();
    const reply = await this.#sharing(process, cell, () =>
      process.request(
        'execute_request',
        {
          code,
          silent: false,
          store_history: true,
          user_expressions: {},
          allow_stdin: cell.allowStdin,
          // Whatever else waits is not this cell's business.
          stop_on_error: false,
        },
        { execution: cell.execution, id: cell.messageId, metadata: { tensorcell_count: cell.count } },
      ),
    );
    if (reply['status'] !== 'ok') throw failureFrom(reply);
    return Array.isArray(reply['payload']) ? (reply['payload'] as Record<string, unknown>[]) : [];
  }

  /** Runs `action` in Python, with the session's folder and environment. */
  async #sharing<T>(process: PythonProcess, cell: PythonCell, action: () => Promise<T>): Promise<T> {
    const shared = this.#shared.get(process);
    await shared?.push(cell.execution);
    if (cell.signal.aborted) throw interruptedStart();
    const result = await action();
    if (!cell.signal.aborted) await shared?.pull(cell.execution);
    return result;
  }

  async answer(argument: unknown, cell: PythonCell): Promise<unknown> {
    const request = argument as PythonRequest;
    switch (request.what) {
      case 'run':
        // The cell may have another result.
        this.#inTypeScript.add(cell.execution);
        try {
          await this.run(request.code, cell);
        } finally {
          this.#inTypeScript.delete(cell.execution);
        }
        return undefined;
      case 'ask': {
        const process = await this.#started(cell);
        if (cell.signal.aborted) throw interruptedStart();
        const { op, argument } = request;
        const reply = await this.#sharing(process, cell, () =>
          process.request('tensorcell_request', { op, argument }, { execution: cell.execution }),
        );
        if (reply['status'] !== 'ok') throw failureFrom(reply);
        return reply['value'];
      }
      case 'process':
        return describe(await this.#started(cell));
      case 'status':
        return this.#status();
      case 'use':
        this.#chosen = await failing(resolveEnvironment(request.path, this.#options.surroundings()));
        return this.#chosen;
      case 'devices':
        return await this.#devices();
      case 'restart':
        await this.#restart();
        return undefined;
      default:
        return await findEnvironments(this.#options.surroundings());
    }
  }

  async ask(type: string, content: Record<string, unknown>): Promise<Record<string, unknown> | undefined> {
    const process = this.#chosen && this.#processes.get(this.#chosen.executable);
    if (!process?.started || !process.alive) return undefined;
    const asked = process.request(type, content, { execution: 0 }).catch(() => undefined);
    const late = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), ASSISTANCE_MS).unref();
    });
    return await Promise.race([asked, late]);
  }

  comm(message: CommMessage, messageId: string): boolean {
    const { action, id, target = '', data, metadata, buffers, execution } = message;
    // Widgets ask a kernel for their state when a page is loaded: Python has it, if anybody.
    const current = this.#chosen && this.#processes.get(this.#chosen.executable);
    const process = action === 'open' && target.startsWith('jupyter.widget') ? current : this.#comms.get(id);
    if (!process?.alive) return false;
    if (action === 'open') this.#comms.set(id, process);
    if (action === 'close') this.#comms.delete(id);
    const type = { open: 'comm_open', message: 'comm_msg', close: 'comm_close' }[action];
    process.send(
      type,
      { comm_id: id, data, ...(action === 'open' ? { target_name: target } : {}) },
      { execution, id: messageId, ...(metadata ? { metadata } : {}), ...(buffers ? { buffers } : {}) },
    );
    return true;
  }

  async interrupt(): Promise<void> {
    for (const interrupt of this.#starting) interrupt();
    const busy = [...this.#processes.values()].filter((process) => process.started && process.busy);
    if (this.#stubborn && busy.length > 0) {
      for (const process of busy) {
        process.kill('it was terminated because it did not answer several interrupts');
      }
      this.#stubborn = false;
      return;
    }
    this.#stubborn = false;
    await Promise.all(
      busy.map((process) =>
        process.interrupt(() => {
          this.#stubborn = true;
          this.#tell(
            0,
            'Python has not answered the interrupt: it is running native code. Interrupt once more to terminate it (its variables are lost).\n',
          );
        }),
      ),
    );
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const interrupt of this.#starting) interrupt();
    await Promise.all([...this.#processes.values()].map((process) => process.shutDown('the kernel ends')));
  }

  #status(): PythonStatus {
    return {
      executable: this.#chosen?.executable,
      processes: [...this.#processes.values()].map((process) => ({
        ...describe(process),
        busy: process.busy,
        current: process.environment.executable === this.#chosen?.executable,
      })),
    };
  }

  /** The devices of the packages that Python has loaded; undefined while it does not run. */
  async #devices(): Promise<PythonDevices | 'busy' | undefined> {
    const process = this.#chosen && this.#processes.get(this.#chosen.executable);
    if (!process?.started || !process.alive) return undefined;
    if (process.busy) return 'busy';
    const reply = await this.ask('tensorcell_request', { op: 'devices', argument: {} });
    return reply?.['status'] === 'ok' ? (reply['value'] as PythonDevices) : 'busy';
  }

  async #restart(): Promise<void> {
    const process = this.#chosen && this.#processes.get(this.#chosen.executable);
    await process?.shutDown('it was restarted');
  }

  /** The process of the environment in use, started; rejects when the cell is interrupted in the meantime. */
  async #started(cell: PythonCell): Promise<PythonProcess> {
    if (this.#disposed) throw new PythonFailure('died', 'the kernel is shutting down');
    const running = this.#chosen && this.#processes.get(this.#chosen.executable);
    if (running?.started && running.alive) return running;
    let interrupt!: () => void;
    const interrupted = new Promise<never>((_, reject) => {
      interrupt = () => reject(interruptedStart());
    });
    interrupted.catch(() => undefined);
    this.#starting.add(interrupt);
    try {
      return await Promise.race([this.#startFor(cell), interrupted]);
    } finally {
      this.#starting.delete(interrupt);
    }
  }

  async #startFor(cell: PythonCell): Promise<PythonProcess> {
    this.#chosen ??= await failing(defaultEnvironment(this.#options.surroundings()));
    if (this.#chosen.packages.ipykernel === undefined) {
      // It may have been installed since.
      const { kind, name, executable } = this.#chosen;
      const again = await failing(resolveEnvironment(executable, this.#options.surroundings()));
      this.#chosen = { ...again, kind, name };
      if (again.packages.ipykernel === undefined) throw noIpykernel(again);
    }
    const known = this.#processes.get(this.#chosen.executable);
    if (known?.alive) {
      await known.ready;
      return known;
    }
    const process = this.#start(this.#chosen);
    const end = this.#progress(process, cell);
    try {
      await process.ready;
    } finally {
      end();
    }
    return process;
  }

  #start(environment: PythonEnvironment): PythonProcess {
    const { surroundings, sink, log } = this.#options;
    const { directory, environment: variables } = surroundings();
    const process: PythonProcess = new PythonProcess({
      environment,
      bridgeFile: bridgeFile('tensorcell_bridge.py'),
      directory,
      variables,
      log,
      output: (message, execution) => this.#output(process, message, execution),
      question: (message, execution) => void this.#question(process, message, execution),
      ended: (why) => {
        log(`Python ${environment.version} (${environment.executable}) has ended: ${why}`);
        if (this.#processes.get(environment.executable) === process)
          this.#processes.delete(environment.executable);
        for (const [id, owner] of this.#comms) {
          if (owner !== process) continue;
          this.#comms.delete(id);
          // At the end of the kernel no cell waits for it.
          if (!this.#disposed)
            void sink.output({ type: 'comm', action: 'close', id, data: {}, execution: 0 });
        }
      },
    });
    this.#processes.set(environment.executable, process);
    this.#shared.set(
      process,
      new SharedSurroundings(process, surroundings, (change) => this.#options.adopt(change)),
    );
    return process;
  }

  /** Says that Python starts, if it takes a while, and which one it was; returns what to call when it is over. */
  #progress(process: PythonProcess, cell: PythonCell): () => void {
    if (cell.silent) return () => undefined;
    const { version, executable } = process.environment;
    const displayId = `tensorcell-python-${++this.#displays}`;
    const began = Date.now();
    const say = (text: string, update: boolean): void => {
      void this.#options.sink.output({
        type: 'display',
        execution: cell.execution,
        update,
        payload: { data: { 'text/plain': text }, metadata: {}, displayId },
      });
    };
    let shown = false;
    const timer = setTimeout(() => {
      shown = true;
      say(`Starting Python ${version} (${executable}) …`, false);
    }, SLOW_START_MS);
    // A cell that is interrupted has ended: what happens later is none of its output.
    const interrupted = (): void => {
      clearTimeout(timer);
      if (shown) say(`Python ${version} (${executable}) is still starting`, true);
      shown = false;
    };
    cell.signal.addEventListener('abort', interrupted, { once: true });
    if (cell.signal.aborted) interrupted();
    return () => {
      clearTimeout(timer);
      cell.signal.removeEventListener('abort', interrupted);
      if (!shown) return;
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      const text = process.started
        ? `Python ${version} (${executable}), started in ${seconds} s`
        : `Python ${version} (${executable}) did not start`;
      say(text, true);
    };
  }

  #output(process: PythonProcess, message: FromKernel, execution: number): void | Promise<void> {
    let said = toRuntimeMessage(message, execution);
    if (!said) return undefined;
    if (said.type === 'result' && this.#inTypeScript.has(execution)) {
      said = { type: 'display', execution, payload: said.payload, update: false };
    }
    if (said.type === 'comm') {
      if (said.action === 'open') this.#comms.set(said.id, process);
      if (said.action === 'close') this.#comms.delete(said.id);
    }
    return this.#options.sink.output(said);
  }

  async #question(process: PythonProcess, { content }: FromKernel, execution: number): Promise<void> {
    const prompt = typeof content['prompt'] === 'string' ? content['prompt'] : '';
    const password = content['password'] === true;
    const answer = await this.#options.ask(execution, { prompt, password });
    if (answer !== undefined) process.answerInput(answer);
    // input() waits on a socket: only a signal ends it. An interrupt has sent one already.
  }

  #tell(execution: number, text: string): void {
    void this.#options.sink.output({ type: 'stream', execution, name: 'stderr', text });
  }
}

function interruptedStart(): PythonFailure {
  return new PythonFailure('interrupted', 'the cell was interrupted before Python started', {
    name: 'Interrupted',
    reason: 'interrupted',
  });
}

function describe({ environment, pid }: PythonProcess): PythonProcessDescription {
  return { pid, executable: environment.executable, version: environment.version };
}

/** The library's errors as those of a cell. */
async function failing<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    throw new PythonFailure(error.code, error.message, { cause: error });
  }
}
