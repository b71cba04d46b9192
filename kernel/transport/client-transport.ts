/** The client's ends of another kernel's sockets: what the kernel process needs to talk to an ipykernel. */
import { randomUUID } from 'node:crypto';
import type { Connection, Ports } from './connection-file.ts';
import type { RequestChannel } from './transport.ts';
import { readMessages } from './received-messages.ts';
import { SendQueue } from './send-queue.ts';
import { zmq } from './zeromq.ts';

export interface ClientTransport {
  send(channel: RequestChannel, frames: Buffer[]): void;
  /** Messages in order; the next one is read when the listener's promise has resolved. Call once a channel. */
  receive(channel: RequestChannel | 'iopub', listener: (frames: Buffer[]) => void | Promise<void>): void;
  close(): void;
}

/** A kernel that has not bound its sockets yet is tried again this often. */
const RECONNECT_MS = 20;

/** Connects at once; what is sent waits until the kernel listens. */
export function connectTransport(connection: Connection, log: (message: string) => void): ClientTransport {
  const common = {
    linger: 0,
    reconnectInterval: RECONNECT_MS,
    reconnectMaxInterval: 200,
    // A publisher drops messages that a full queue does not take: ours takes all.
    receiveHighWaterMark: 0,
  };
  // A question comes back to the name that the request came from.
  const dealer = { ...common, sendHighWaterMark: 0, routingId: randomUUID() };
  const sockets = {
    shell: new zmq.Dealer(dealer),
    control: new zmq.Dealer(dealer),
    stdin: new zmq.Dealer(dealer),
    iopub: new zmq.Subscriber(common),
  };
  for (const channel of ['shell', 'control', 'stdin', 'iopub'] as const) {
    sockets[channel].connect(endpoint(connection, channel));
  }
  sockets.iopub.subscribe();
  const queue = (name: RequestChannel): SendQueue =>
    new SendQueue({
      send: (frames) => sockets[name].send(frames),
      log: (message) => log(`python ${name}: ${message}`),
    });
  const queues = { shell: queue('shell'), control: queue('control'), stdin: queue('stdin') };
  let closed = false;

  return {
    send: (channel, frames) => queues[channel].push(frames),
    receive: (channel, listener) =>
      void readMessages(sockets[channel], listener, {
        closed: () => closed,
        log: (message) => log(`python ${channel}: ${message}`),
      }),
    close() {
      if (closed) return;
      closed = true;
      for (const each of Object.values(queues)) each.close();
      for (const socket of Object.values(sockets)) socket.close();
    },
  };
}

function endpoint({ transport, ip, ports }: Connection, channel: keyof Ports): string {
  return transport === 'ipc' ? `ipc://${ip}-${ports[channel]}` : `tcp://${ip}:${ports[channel]}`;
}
