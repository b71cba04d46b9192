/** Comms: open on both sides until one closes; the runtime process holds the handlers. */
import type { CommMessage } from '../contracts/messages.ts';
import { requireNesting } from '../limits/nesting.ts';
import type { Incoming } from '../wire/codec.ts';
import { readContent } from '../wire/content.ts';
import type { Executions } from './executions.ts';
import type { Iopub } from './iopub.ts';

export class Comms {
  readonly #open = new Map<string, string>();
  /** Those whose other end is in Python. */
  readonly #pythons = new Set<string>();
  readonly #iopub: Iopub;
  readonly #executions: Executions;
  readonly #toRuntime: (message: CommMessage) => void;
  readonly #toPython: (message: CommMessage, messageId: string) => boolean;

  constructor(options: {
    iopub: Iopub;
    executions: Executions;
    toRuntime: (message: CommMessage) => void;
    /** False when the comm is not Python's. */
    toPython: (message: CommMessage, messageId: string) => boolean;
  }) {
    this.#iopub = options.iopub;
    this.#executions = options.executions;
    this.#toRuntime = options.toRuntime;
    this.#toPython = options.toPython;
  }

  /** Comm id -> target name, of one target or of all. */
  list(target: string | undefined): Record<string, { target_name: string }> {
    const listed = [...this.#open].filter(([, name]) => target === undefined || target === name);
    // Not assignments: front ends choose the ids, and `__proto__` would set the prototype.
    return Object.fromEntries(listed.map(([id, name]) => [id, { target_name: name }]));
  }

  /** From the front end. The execution is what its handlers print under. */
  receive(message: Incoming, execution: number): void {
    const { metadata, buffers } = message;
    if (message.type === 'comm_open') {
      const { comm_id: id, target_name: target, data } = readContent('comm_open', message.content);
      this.#open.set(id, target);
      this.#deliver(
        { type: 'comm', action: 'open', id, target, data, metadata, buffers, execution },
        message,
      );
      return;
    }
    const action = message.type === 'comm_close' ? 'close' : 'message';
    const { comm_id: id, data } = readContent('comm_msg', message.content);
    if (!this.#open.has(id)) return;
    if (action === 'close') this.#open.delete(id);
    this.#deliver({ type: 'comm', action, id, data, metadata, buffers, execution }, message);
  }

  #deliver(comm: CommMessage, { parent }: Incoming): void {
    try {
      requireNesting(comm, 'data of a comm');
      const python = this.#toPython(comm, parent.header.msg_id);
      if (comm.action === 'open' && python) this.#pythons.add(comm.id);
      if (!python) this.#toRuntime(comm);
    } catch (error) {
      if (comm.action === 'open') {
        // The other end does not know of it: as with an unknown target, it is answered by closing.
        this.#open.delete(comm.id);
        this.#iopub.publish('comm_close', { comm_id: comm.id, data: {} }, parent);
      }
      throw error;
    }
  }

  /** From the runtime process, or from Python. */
  send(message: CommMessage, from: 'runtime' | 'python' = 'runtime'): void {
    const { id, target = '', data } = message;
    if (message.action === 'close') this.#pythons.delete(id);
    else if (from === 'python') this.#pythons.add(id);
    const parent = this.#executions.find(message.execution)?.parent;
    const extra = {
      ...(message.metadata ? { metadata: message.metadata } : {}),
      ...(message.buffers ? { buffers: message.buffers } : {}),
    };
    switch (message.action) {
      case 'open':
        this.#open.set(id, target);
        this.#iopub.publish(
          'comm_open',
          { comm_id: id, target_name: target, data: data ?? {} },
          parent,
          extra,
        );
        return;
      case 'message':
        this.#iopub.publish('comm_msg', { comm_id: id, data: data ?? {} }, parent, extra);
        return;
      case 'close':
        this.#open.delete(id);
        this.#iopub.publish('comm_close', { comm_id: id, data: data ?? {} }, parent, extra);
    }
  }

  /** The runtime process that held the handlers is gone. */
  closeAll(): void {
    const parent = this.#executions.find(0)?.parent;
    for (const id of [...this.#open.keys()].filter((id) => !this.#pythons.has(id))) {
      this.#iopub.publish('comm_close', { comm_id: id, data: {} }, parent);
      this.#open.delete(id);
    }
  }
}
