/** zeromq, required: importing a CommonJS package takes half as long again, and a client waits for it. */
import { createRequire } from 'node:module';
import type * as Zeromq from 'zeromq';

export const zmq = createRequire(import.meta.url)('zeromq') as typeof Zeromq;
export type { Readable, Router, SocketOptions } from 'zeromq';
