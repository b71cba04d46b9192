/** The kernel's five sockets. Bytes only: what they mean is the session's business. */
import { randomInt } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import type { Connection, Ports, Registration } from './connection-file.ts';
import { quietly } from '../../src/base/quietly.ts';
import { startHeartbeat } from './heartbeat.ts';
import { LargeMessages, SUBSCRIBER_STALLED_MS, unsentBytes } from './large-messages.ts';
import { readMessages } from './received-messages.ts';
import { SendQueue } from './send-queue.ts';
import { zmq } from './zeromq.ts';
import type { Router } from './zeromq.ts';

export type RequestChannel = 'shell' | 'control' | 'stdin';

export interface Transport {
  readonly ports: Ports;
  /** Messages that arrive on a channel, in order. Call once a channel; reading begins then. */
  receive(channel: RequestChannel, listener: (frames: Buffer[]) => void): void;
  /** Calls the listener for each subscription (also repeated ones) that a client makes on iopub. */
  onSubscribe(listener: (topic: Buffer) => void): void;
  send: (channel: RequestChannel, frames: Buffer[]) => void;
  publish(frames: Buffer[]): void;
  /** Bytes of iopub that the socket has not taken yet, because some client reads slower than we write. */
  readonly backlog: number;
  drained(below: number): Promise<void>;
  /** Sends what waits, at most for the given time, and closes everything. */
  close(lingerMs: number): Promise<void>;
}

/**
 * iopub holds at most this many messages a client; then it says EAGAIN and we wait. Streams come in pieces of at most
 * 64 KiB, so a client that stalls costs at most 16 MiB in the socket.
 */
const IOPUB_HIGH_WATER_MARK = 256;

/**
 * So long a subscriber that does not read holds up all others. Then it alone loses messages: a subscription needs no
 * key, so that any local process could else stop the output of every client. A slow network needs less.
 */
const IOPUB_PATIENCE_MS = 2000;
/** A client that stalls again and again is logged once in this time. */
const LOG_AGAIN_MS = 60_000;

/** A connection that takes no byte for this long is closed. A network may be away for a while. */
const STALLED_MS = 300_000;

/** Replies that one client may leave unread; then it alone loses the next ones. */
const UNREAD_REPLIES = 10_000;

/** One frame larger than this ends the connection of its sender. */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/** Opens the sockets. @throws Error when one cannot be bound */
export async function openTransport(
  connection: Connection | Registration,
  log: (message: string) => void,
): Promise<Transport> {
  const common = commonOptions(connection);
  const sockets = createSockets(connection, common);
  const wanted = (channel: keyof Ports): string => endpointToBind(connection, channel);
  const [heartbeat] = await Promise.all([
    startHeartbeat(wanted('hb'), common, log),
    sockets.shell.bind(wanted('shell')),
    sockets.control.bind(wanted('control')),
    sockets.stdin.bind(wanted('stdin')),
    sockets.iopub.bind(wanted('iopub')),
  ]);
  const ports: Ports = {
    shell: portOf(sockets.shell.lastEndpoint),
    control: portOf(sockets.control.lastEndpoint),
    stdin: portOf(sockets.stdin.lastEndpoint),
    iopub: portOf(sockets.iopub.lastEndpoint),
    hb: portOf(heartbeat.endpoint),
  };
  const queue = (name: RequestChannel): SendQueue =>
    replyQueue(sockets[name], (text) => log(`${name}: ${text}`));
  const large = new LargeMessages(() =>
    connection.transport === 'ipc' ? undefined : unsentBytes(ports.iopub),
  );
  const queues = {
    shell: queue('shell'),
    control: queue('control'),
    stdin: queue('stdin'),
    iopub: iopubQueue(sockets.iopub, large, (text) => log(`iopub: ${text}`)),
  };
  let closed = false;

  const read = (channel: keyof typeof queues, listener: (frames: Buffer[]) => void): void =>
    void readMessages(sockets[channel], listener, {
      closed: () => closed,
      log: (message) => log(`${channel}: ${message}`),
    });

  return {
    ports,
    receive: read,
    onSubscribe(listener) {
      read('iopub', ([frame]) => {
        if (frame?.[0] === 1) listener(frame.subarray(1));
      });
    },
    send: (channel, frames) => queues[channel].push(frames),
    publish: (frames) => queues.iopub.push(frames),
    get backlog() {
      return queues.iopub.bytes;
    },
    drained: (below) => queues.iopub.drained(below),
    async close(lingerMs) {
      const late = new Promise<void>((resolve) => setTimeout(resolve, lingerMs).unref());
      await Promise.race([late, Promise.all(Object.values(queues).map((each) => each.drained()))]);
      closed = true;
      heartbeat.close();
      for (const each of Object.values(queues)) each.close();
      for (const socket of Object.values(sockets)) {
        socket.linger = lingerMs;
        socket.close();
      }
      // libzmq would remove them in a thread that does not outlive the process.
      if (connection.transport === 'ipc') {
        for (const port of Object.values(ports)) rmSync(`${connection.ip}-${port}`, { force: true });
      }
    },
  };
}

/** Options of all sockets. */
function commonOptions({ ip, curve }: Connection | Registration) {
  return {
    linger: 1000,
    maxMessageSize: MAX_FRAME_BYTES,
    tcpMaxRetransmitTimeout: STALLED_MS,
    ...(ip.includes(':') ? { ipv6: true } : {}),
    ...(curve ? { curveServer: true, curvePublicKey: curve.publicKey, curveSecretKey: curve.secretKey } : {}),
  };
}

function createSockets({ ip }: Connection | Registration, common: ReturnType<typeof commonOptions>) {
  // A client waits for its replies; one that does not read them must not fill the memory.
  const router = {
    ...common,
    sendHighWaterMark: UNREAD_REPLIES,
    receiveHighWaterMark: 0,
    handover: true,
    mandatory: true,
  };
  const isLocal = /^(?:127\.|::1$|localhost$)/.test(ip);
  return {
    shell: new zmq.Router(router),
    control: new zmq.Router(router),
    stdin: new zmq.Router(router),
    iopub: new zmq.XPublisher({
      ...common,
      verbosity: 'allSubs',
      noDrop: true,
      ...(isLocal ? { tcpMaxRetransmitTimeout: SUBSCRIBER_STALLED_MS } : {}),
      sendHighWaterMark: IOPUB_HIGH_WATER_MARK,
    }),
  };
}

/** Output, which waits for slow subscribers up to a limit. */
function iopubQueue(
  socket: ReturnType<typeof createSockets>['iopub'],
  large: LargeMessages,
  log: (message: string) => void,
): SendQueue {
  let lostAt = 0;
  const setNoDrop = (value: boolean): void =>
    // zeromq.js warns of every option that is set late; libzmq takes this one at once (`xpub_t::xsetsockopt`).
    quietly(/Socket option/u, () => {
      socket.noDrop = value;
    });
  return new SendQueue({
    send: (frames) => socket.send(frames),
    patienceMs: IOPUB_PATIENCE_MS,
    room: (bytes) => large.room(bytes),
    async leaveBehind(frames) {
      if (Date.now() - lostAt > LOG_AGAIN_MS) {
        lostAt = Date.now();
        log('a client has stopped reading: it loses messages until it reads again');
      }
      setNoDrop(false);
      try {
        await socket.send(frames);
      } finally {
        // libzmq has taken the full pipe out of its list, and asks for no room in it until the client reads.
        setNoDrop(true);
      }
    },
    log,
  });
}

/** Replies of one socket. A client that has not read `UNREAD_REPLIES` of them loses the next ones, and holds up no other. */
function replyQueue(socket: Router, log: (message: string) => void): SendQueue {
  let lostAt = 0;
  return new SendQueue({
    async send(frames) {
      try {
        await socket.send(frames);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // The client has gone.
        if (code === 'EHOSTUNREACH') return;
        if (code !== 'EAGAIN') throw error;
        if (Date.now() - lostAt < LOG_AGAIN_MS) return;
        lostAt = Date.now();
        log(`a client has not read ${UNREAD_REPLIES} replies: it loses the next ones until it reads again`);
      }
    },
    log,
  });
}

function endpointToBind(connection: Connection | Registration, channel: keyof Ports): string {
  const { transport, ip } = connection;
  const port = connection.kind === 'connection' ? connection.ports[channel] : 0;
  if (transport === 'ipc') return `ipc://${ip}-${port === 0 ? freeIpcPort(ip) : port}`;
  return `tcp://${ip.includes(':') ? `[${ip}]` : ip}:${port === 0 ? '*' : port}`;
}

/** With ipc a port is only a part of a file's name. */
function freeIpcPort(path: string): number {
  for (;;) {
    const port = randomInt(1024, 65_536);
    if (!existsSync(`${path}-${port}`)) return port;
  }
}

function portOf(endpoint: string | null): number {
  return Number(/(\d+)$/.exec(endpoint ?? '')?.[1] ?? 0);
}
