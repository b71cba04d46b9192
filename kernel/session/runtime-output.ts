/** Output of the runtime process, as messages of the cell that caused it. */
import type { SurroundingsChange } from '../contracts/messages.ts';
import type { OutputSink } from '../contracts/runtime-host.ts';
import type { CellError, DisplayPayload } from '../contracts/values.ts';
import type { Comms } from './comms.ts';
import type { Execution, Executions } from './executions.ts';
import { explained, withHint } from './hints.ts';
import type { Iopub } from './iopub.ts';
import type { Stdin } from './stdin.ts';
import type { TrainingDisplay } from './training-display.ts';
import { UnattendedOutput } from './unattended.ts';

type Output = Parameters<OutputSink['output']>[0];

export class RuntimeOutput implements OutputSink {
  readonly unattended: UnattendedOutput;
  readonly #iopub: Iopub;
  readonly #executions: Executions;
  readonly #comms: Comms;
  readonly #stdin: Stdin;
  readonly #training: TrainingDisplay;
  readonly #magic: (message: Extract<Output, { type: 'magic' }>) => void;
  readonly #request: (message: Extract<Output, { type: 'request' }>) => void;
  readonly #surroundings: (change: SurroundingsChange) => void;
  readonly #names: () => readonly string[];

  constructor(options: {
    iopub: Iopub;
    executions: Executions;
    comms: Comms;
    stdin: Stdin;
    training: TrainingDisplay;
    magic: (message: Extract<Output, { type: 'magic' }>) => void;
    request: (message: Extract<Output, { type: 'request' }>) => void;
    surroundings: (change: SurroundingsChange) => void;
    /** Names of the session, for help with errors. */
    names: () => readonly string[];
  }) {
    this.#iopub = options.iopub;
    this.#executions = options.executions;
    this.#comms = options.comms;
    this.#stdin = options.stdin;
    this.#training = options.training;
    this.#magic = options.magic;
    this.#request = options.request;
    this.#surroundings = options.surroundings;
    this.#names = options.names;
    this.unattended = new UnattendedOutput(options.executions, (message, execution) =>
      this.#publish(message, execution),
    );
  }

  /** The promise, if any, resolves when slow front ends have caught up: the runtime process's output is not read before. */
  output(received: Output): void | Promise<void> {
    const message =
      received.type === 'late-error' ? { ...received, error: this.#explained(received) } : received;
    switch (message.type) {
      case 'input':
        this.#stdin.ask(message);
        return;
      case 'magic':
        this.#magic(message);
        return;
      case 'request':
        this.#request(message);
        return;
      case 'surroundings':
        this.#surroundings(message);
        return;
      case 'comm':
        this.#comms.send(message);
        return this.#iopub.backPressure();
    }
    const execution = this.#executions.find(message.execution);
    if (execution?.silent) return;
    if (!execution || !this.unattended.take(message, execution)) this.#publish(message, execution);
    return this.#iopub.backPressure();
  }

  #explained({ error, execution }: Extract<Output, { type: 'late-error' }>): CellError {
    return explained(error, this.#names(), this.#executions.find(execution)?.helped);
  }

  #publish(message: Output, execution: Execution | undefined): void {
    const parent = execution?.parent;
    switch (message.type) {
      case 'stream':
        if (message.content) this.#iopub.longStream(message.name, message.content, parent);
        else this.#iopub.stream(message.name, message.text, parent);
        break;
      case 'display':
        this.#training.take(message.payload, execution);
        publishDisplay(this.#iopub, message.payload, message.update, execution);
        break;
      case 'clear':
        this.#iopub.publish('clear_output', { wait: message.wait }, parent);
        break;
      case 'result': {
        const { data, metadata, displayId } = message.payload;
        const text = data['text/plain'];
        if (execution) execution.output = typeof text === 'string' ? text : undefined;
        this.#iopub.publish(
          'execute_result',
          {
            execution_count: execution?.count ?? 0,
            data,
            metadata,
            ...(displayId === undefined ? {} : { transient: { display_id: displayId } }),
          },
          parent,
        );
        break;
      }
      case 'late-error':
        publishError(this.#iopub, message.error, execution);
    }
  }
}

export function publishDisplay(
  iopub: Iopub,
  payload: DisplayPayload,
  update: boolean,
  execution: Execution | undefined,
): void {
  if (execution?.silent) return;
  const { data, metadata, displayId } = payload;
  const transient = displayId === undefined ? {} : { display_id: displayId };
  iopub.publish(
    update ? 'update_display_data' : 'display_data',
    { data, metadata, transient },
    execution?.parent,
  );
}

export function publishError(iopub: Iopub, error: CellError, execution: Execution | undefined): void {
  if (execution?.silent) return;
  const { name, message, traceback } = withHint(error, execution);
  iopub.publish('error', { ename: name, evalue: message, traceback }, execution?.parent);
}
