/**
 * The heartbeat answers from a separate thread, whatever the kernel process does: a libzmq proxy between the bound
 * ROUTER and a DEALER that is connected to itself. A client's message goes in at the ROUTER, comes out of the DEALER,
 * arrives at that same DEALER, and goes back: an echo without a line of JavaScript.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#heartbeat-for-kernels
 */
import { zmq } from './zeromq.ts';
import type { Router, SocketOptions } from './zeromq.ts';

export interface Heartbeat {
  readonly endpoint: string;
  /** Has to be called before the process can exit. */
  close(): void;
}

export async function startHeartbeat(
  endpoint: string,
  options: SocketOptions<Router>,
  log: (message: string) => void,
): Promise<Heartbeat> {
  const front = new zmq.Router(options);
  const back = new zmq.Dealer({ linger: 0 });
  const own = `inproc://tensorcell-heartbeat-${process.pid}`;
  await front.bind(endpoint);
  await back.bind(own);
  back.connect(own);
  // The proxy's thread owns the sockets from now on: read the address before.
  const bound = front.lastEndpoint ?? endpoint;
  const proxy = new zmq.Proxy(front, back);
  let closed = false;
  proxy.run().catch((error: unknown) => {
    if (!closed) log(`the heartbeat ended: ${String(error)}`);
  });
  const close = (): void => {
    if (closed) return;
    closed = true;
    proxy.terminate();
  };
  process.once('exit', close);
  return { endpoint: bound, close };
}
