import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { deserialize } from 'node:v8';
import { pipeOf, startProcess } from '../processes/start-process.ts';
import type { MainMessage, RuntimeMessage } from '../contracts/messages.ts';
import { descendants } from '../channel/descendants.ts';
import {
  decodeRuntimeFrame,
  encodeControl,
  encodeMain,
  FrameAssembler,
  FrameSplitter,
  resumeToken,
  type ControlReport,
  type ControlRequest,
  type InternalMessage,
  type RuntimeFrame,
} from '../channel/frames.ts';
import { describeDeath } from '../processes/death.ts';
import { NativePipe } from './native-pipe.ts';

export interface ProcessOptions {
  runtimeFile: string;
  controlFile: string;
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
}

export interface ProcessEvents {
  /** In the order in which the runtime process wrote them. */
  message(message: RuntimeMessage): void;
  internal(message: InternalMessage): void;
  /** A message of the runtime process that cannot be decoded. */
  unreadable(why: string): void;
  /** A message that the runtime process could not decode. */
  lost(message: MainMessage, why: string): void;
  report(report: ControlReport): void;
  /** After each chunk of messages; reading stops while it returns false. */
  readOn(): boolean;
  native(name: 'stdout' | 'stderr', text: string): void | Promise<void>;
  /** It has ended, and everything that it wrote has been read. */
  ended(reason: string): void;
}

/** How long a dead process's standard error is read for the reason of its death. */
const LAST_WORDS_MS = 150;

/** One runtime process and the kernel's end of its channel. */
export class RuntimeProcess {
  readonly child: ChildProcess;
  readonly #events: ProcessEvents;
  readonly #output: Readable;
  readonly #main: Duplex;
  readonly #control: Duplex;
  readonly stdout: NativePipe;
  readonly stderr: NativePipe;
  readonly #assembler = new FrameAssembler();
  /** Sent, and not yet confirmed: sent again after a termination. Encoded, so that this cannot fail. */
  readonly #unconfirmed = new Map<number, { message: MainMessage; frame: Buffer }>();
  #sequence = 0;
  #exiting: number | undefined;
  #why: string | undefined;
  #dead = false;
  #ended = false;
  ready = false;
  /** Resolves when the process is gone, whether or not its output has been delivered. */
  readonly gone: Promise<void>;

  constructor(options: ProcessOptions, events: ProcessEvents) {
    this.#events = events;
    this.child = startProcess(process.execPath, [...nodeFlags(), options.runtimeFile, options.controlFile], {
      cwd: options.directory,
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      // A separate process group: Ctrl-C in a terminal must not reach it, and its children end with it.
      detached: true,
    });
    this.#output = pipeOf(this.child, 3);
    this.#main = pipeOf(this.child, 4);
    this.#control = pipeOf(this.child, 5);
    this.stdout = new NativePipe(pipeOf(this.child, 1), (text) => events.native('stdout', text));
    this.stderr = new NativePipe(pipeOf(this.child, 2), (text) => events.native('stderr', text));

    this.#output.on('data', (chunk: Buffer) => this.#take(chunk));
    const control = new FrameSplitter();
    this.#control.on('data', (chunk: Buffer) => {
      control.push(chunk);
      for (let frame = control.next(); frame; frame = control.next()) {
        events.report(deserialize(frame) as ControlReport);
      }
    });
    // A write to a process that has just died fails; its end is told by `exit`.
    for (const stream of [this.#output, this.#main, this.#control]) stream.on('error', () => {});
    this.gone = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
    this.child.on('error', (error) => this.#finish(`it could not be started: ${error.message}`));
    this.child.on('exit', (code, signal) => void this.#exited(code, signal));
  }

  /** Number of the last message to the main thread. */
  get sent(): number {
    return this.#sequence;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** @throws EncodingError when the message cannot be encoded: it does not count as sent then */
  send(message: MainMessage): number {
    const frame = encodeMain(this.#sequence + 1, message);
    const sequence = ++this.#sequence;
    this.#unconfirmed.set(sequence, { message, frame });
    if (!this.#ended) this.#main.write(frame);
    return sequence;
  }

  control(request: ControlRequest): void {
    if (!this.#ended) this.#control.write(encodeControl(request));
  }

  /** Executions that were sent and that the runtime process has not taken in. */
  unconfirmedExecutions(): Set<number> {
    const executions = new Set<number>();
    for (const { message } of this.#unconfirmed.values()) {
      if (message.type === 'execute') executions.add(message.execution);
    }
    return executions;
  }

  resume(): void {
    this.#output.resume();
  }

  /** Ends it and everything that it started, at once. */
  kill(): void {
    const { pid } = this.child;
    if (pid === undefined || this.#dead) return;
    const all = [...descendants(pid), pid];
    this.#killGroup();
    killAll(all);
  }

  /** Asks it to end, which gives its `exit` listeners a moment; resolves when it and its children are gone. */
  async shutDown(limitMs: number): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined || this.#dead) return;
    // Those that left its process group (daemons) would have no parent afterwards.
    const children = descendants(pid);
    this.control({ type: 'shutdown' });
    const timer = setTimeout(() => this.kill(), limitMs);
    await this.gone;
    clearTimeout(timer);
    killAll(children);
  }

  /** It leads its process group; what it started lives on in it. */
  #killGroup(): void {
    if (this.child.pid !== undefined) killAll([-this.child.pid]);
  }

  #take(chunk: Buffer): void {
    this.#assembler.push(chunk);
    for (let body = this.#assembler.next(); body; body = this.#assembler.next()) {
      let frame: RuntimeFrame;
      try {
        frame = decodeRuntimeFrame(body);
      } catch (error) {
        this.#events.unreadable(`${body.length} bytes of output could not be read: ${String(error)}`);
        continue;
      }
      if (frame.kind === 'received') this.#unconfirmed.delete(frame.sequence);
      else if (frame.kind === 'internal') this.#internal(frame.message);
      else {
        if (frame.message.type === 'ready') this.ready = true;
        this.#events.message(frame.message);
      }
    }
    if (!this.#dead && !this.#events.readOn()) this.#output.pause();
  }

  #internal(message: InternalMessage): void {
    if (message.type === 'exiting') this.#exiting = message.code;
    if (message.type === 'giving-up') this.#why = message.why;
    if (message.type === 'unreadable') {
      const lost = this.#unconfirmed.get(message.sequence)?.message;
      this.#unconfirmed.delete(message.sequence);
      if (lost) this.#events.lost(lost, message.why);
    }
    this.#events.internal(message);
    if (message.type !== 'terminated') return;
    this.#main.write(resumeToken(message.count));
    for (const { frame } of this.#unconfirmed.values()) this.#main.write(frame);
  }

  async #exited(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    this.#dead = true;
    this.#killGroup();
    const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_WORDS_MS));
    this.#output.resume();
    // Its own channel ends with it; children that live on may hold its standard error open.
    await Promise.all([ended(this.#output), Promise.race([this.stderr.finished, late])]);
    this.#finish(
      this.#why ??
        describeDeath({
          code,
          signal,
          ...(this.#exiting === undefined ? {} : { exiting: this.#exiting }),
          stderr: this.stderr.tail,
        }),
    );
  }

  #finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.ended(reason);
    for (const stream of [this.#output, this.#main, this.#control]) stream.destroy();
  }
}

function killAll(targets: readonly number[]): void {
  for (const target of targets) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
}

function nodeFlags(): string[] {
  const flags = [
    // Without it Node aborts some time after JavaScript was terminated ("async hook stack has become corrupted").
    '--no-force-async-hooks-checks',
  ];
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24 && process.allowedNodeEnvironmentFlags.has('--experimental-async-context-frame')) {
    flags.push('--experimental-async-context-frame');
  }
  return flags;
}
