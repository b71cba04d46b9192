/** Comms between cells and widgets, on the side of the runtime process. */
import type { CommMessage, RuntimeMessage } from '../kernel/contracts/messages.ts';
import type { HostComm } from '../src/base/host.ts';

type Handler = (comm: HostComm, data: unknown, buffers: Uint8Array[]) => void;

/** Metadata and buffers that a cell may add to the data of a comm message. */
type Additions = Parameters<HostComm['send']>[1];

export class Comms {
  readonly #open = new Map<string, OpenComm>();
  readonly #handlers = new Map<string, Handler>();
  readonly #send: (message: RuntimeMessage) => void;
  readonly #owner: () => number;

  /** @param owner the execution of the calling code, for whose cell a message counts */
  constructor(send: (message: RuntimeMessage) => void, owner: () => number) {
    this.#send = send;
    this.#owner = owner;
  }

  /** Opens a comm from a cell. */
  open(target: string, data: unknown, additions?: Additions): HostComm {
    const comm = this.#create(crypto.randomUUID(), target);
    this.#message('open', comm.id, data, additions, target);
    return comm;
  }

  /** Comms that the front end opens for this target go to the handler. */
  handle(target: string, handler: Handler): void {
    this.#handlers.set(target, handler);
  }

  /** A message from the front end. */
  receive(message: CommMessage): void {
    const buffers = message.buffers ?? [];
    if (message.action === 'open') {
      const target = message.target ?? '';
      const handler = this.#handlers.get(target);
      const comm = this.#create(message.id, target);
      // The specification requires it: an unknown target is answered by closing.
      if (handler) handler(comm, message.data, buffers);
      else comm.close();
      return;
    }
    const comm = this.#open.get(message.id);
    if (message.action === 'message') comm?.receive(message.data, buffers);
    else comm?.receiveClose(message.data);
  }

  #create(id: string, target: string): OpenComm {
    const comm = createComm(id, target, {
      send: (action, data, additions) => this.#message(action, id, data, additions),
      closed: () => this.#open.delete(id),
    });
    this.#open.set(id, comm);
    return comm;
  }

  #message(
    action: CommMessage['action'],
    id: string,
    data: unknown,
    { metadata, buffers }: NonNullable<Additions> = {},
    target?: string,
  ): void {
    this.#send({
      type: 'comm',
      action,
      id,
      ...(target === undefined ? {} : { target }),
      data,
      ...(metadata ? { metadata } : {}),
      ...(buffers ? { buffers: buffers.map(bytesOf) } : {}),
      execution: this.#owner(),
    });
  }
}

interface OpenComm extends HostComm {
  receive(data: unknown, buffers: Uint8Array[]): void;
  receiveClose(data: unknown): void;
}

interface Connection {
  send(action: CommMessage['action'], data: unknown, additions?: Additions): void;
  closed(): void;
}

/** An object without `this`: user code may pass its functions on. */
function createComm(id: string, target: string, connection: Connection): OpenComm {
  const onMessage: ((data: unknown, buffers: Uint8Array[]) => void)[] = [];
  const onClose: ((data: unknown) => void)[] = [];
  let open = true;
  return {
    id,
    target,
    send(data, additions) {
      if (!open) throw new Error(`comm ${id} (${target}) is closed`);
      connection.send('message', data, additions);
    },
    onMessage: (listener) => void onMessage.push(listener),
    onClose: (listener) => void onClose.push(listener),
    close(data = {}) {
      if (!open) return;
      open = false;
      connection.closed();
      connection.send('close', data);
    },
    receive(data, buffers) {
      for (const listener of onMessage) listener(data, buffers);
    },
    receiveClose(data) {
      open = false;
      connection.closed();
      for (const listener of onClose) listener(data);
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
