import type { CommMessage, RuntimeMessage } from '../kernel/contracts/messages.ts';
import type { HostComm, HostPayload, NotebookHost, SessionNames } from '../src/base/host.ts';
import type { Execution } from './execution.ts';
import type { InputRequests } from './input.ts';
import type { Tracker } from './tracking.ts';

export interface HostServices {
  names: SessionNames;
  send: (message: RuntimeMessage) => void;
  tracker: Tracker;
  /** The execution of the calling code, or the best guess. */
  owner: () => Execution | undefined;
  find(id: number): Execution | undefined;
  input: InputRequests;
  /** Asks the kernel process. */
  request(execution: number, service: string, argument: unknown): Promise<unknown>;
  /** Set by the control thread the moment an interrupt arrives. */
  interruptPending(): boolean;
  /** The number of listeners for an interrupt has changed. */
  holdsChanged(): void;
}

export interface RuntimeNotebookHost extends NotebookHost {
  /** A comm message from the front end. */
  receiveComm(message: CommMessage): void;
  /** Runs the handler of a question. @throws Error when nobody answers it */
  ask(question: string, argument: unknown): unknown;
}

interface OpenComm extends HostComm {
  receive(data: unknown, buffers: Uint8Array[]): void;
  receiveClose(data: unknown): void;
}

export function createNotebookHost(services: HostServices): RuntimeNotebookHost {
  const { send, owner } = services;
  const comms = new Map<string, OpenComm>();
  const targets = new Map<string, (comm: HostComm, data: unknown, buffers: Uint8Array[]) => void>();
  const answers = new Map<string, (argument: unknown) => unknown>();
  const ownerId = (): number => owner()?.id ?? 0;

  function createComm(id: string, target: string): OpenComm {
    const onMessage: ((data: unknown, buffers: Uint8Array[]) => void)[] = [];
    const onClose: ((data: unknown) => void)[] = [];
    let open = true;
    const comm: OpenComm = {
      id,
      target,
      send(data, options = {}) {
        if (!open) throw new Error(`comm ${id} (${target}) is closed`);
        send({
          type: 'comm',
          action: 'message',
          id,
          data,
          ...(options.metadata ? { metadata: options.metadata } : {}),
          ...(options.buffers ? { buffers: options.buffers.map(bytesOf) } : {}),
          execution: ownerId(),
        });
      },
      onMessage: (listener) => void onMessage.push(listener),
      onClose: (listener) => void onClose.push(listener),
      close(data = {}) {
        if (!open) return;
        open = false;
        comms.delete(id);
        send({ type: 'comm', action: 'close', id, data, execution: ownerId() });
      },
      receive(data, buffers) {
        for (const listener of onMessage) listener(data, buffers);
      },
      receiveClose(data) {
        open = false;
        comms.delete(id);
        for (const listener of onClose) listener(data);
      },
    };
    comms.set(id, comm);
    return comm;
  }

  return {
    names: services.names,
    execution: ownerId,
    runIn: (execution, action) => services.tracker.run(services.find(execution), action),
    display(payload: HostPayload, options = {}) {
      send({
        type: 'display',
        execution: options.execution ?? ownerId(),
        payload,
        update: options.update ?? false,
      });
    },
    clearOutput(wait) {
      send({ type: 'clear', execution: ownerId(), wait });
    },
    input: (prompt, options) => services.input.ask(owner(), prompt, options.password),
    inputSync: (prompt) => services.input.askBlocking(owner(), prompt),
    openComm(target, data, options = {}) {
      const comm = createComm(crypto.randomUUID(), target);
      send({
        type: 'comm',
        action: 'open',
        id: comm.id,
        target,
        data,
        ...(options.metadata ? { metadata: options.metadata } : {}),
        ...(options.buffers ? { buffers: options.buffers.map(bytesOf) } : {}),
        execution: ownerId(),
      });
      return comm;
    },
    onComm(target, handler) {
      targets.set(target, handler);
    },
    onInterrupt(listener) {
      const execution = owner();
      if (!execution) return () => {};
      execution.interruptListeners.add(listener);
      services.holdsChanged();
      return () => {
        execution.interruptListeners.delete(listener);
        services.holdsChanged();
      };
    },
    get interrupted() {
      const execution = owner();
      if (!execution) return false;
      return (
        execution.interrupted || execution.finishing || (!execution.ended && services.interruptPending())
      );
    },
    get unattended() {
      return owner()?.unattended ?? false;
    },
    onEnd(id, listener) {
      const execution = services.find(id);
      if (execution && !execution.ended) execution.endListeners.push(listener);
      else listener();
    },
    request: (service, argument) => services.request(ownerId(), service, argument),
    answer(question, handler) {
      answers.set(question, handler);
    },

    ask(question, argument) {
      const handler = answers.get(question);
      if (!handler) throw new Error(`the runtime process does not know the question '${question}'`);
      return handler(argument);
    },
    receiveComm(message) {
      const buffers = message.buffers ?? [];
      if (message.action === 'open') {
        const target = message.target ?? '';
        const handler = targets.get(target);
        const comm = createComm(message.id, target);
        // As the specification asks: an unknown target is answered by closing.
        if (handler) handler(comm, message.data, buffers);
        else comm.close();
        return;
      }
      const comm = comms.get(message.id);
      if (message.action === 'message') comm?.receive(message.data, buffers);
      else comm?.receiveClose(message.data);
    },
  };
}

/** A buffer of a comm, as bytes that can be copied. @throws TypeError for what has no bytes */
function bytesOf(buffer: unknown, index: number): Uint8Array {
  const view = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer
      ? new Uint8Array(buffer)
      : undefined;
  if (!view)
    throw new TypeError(`buffer ${index} of a comm message is neither an ArrayBuffer nor a view of one`);
  // Shared memory cannot be serialized.
  return view.buffer instanceof SharedArrayBuffer ? view.slice() : view;
}
