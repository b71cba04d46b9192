/**
 * A Jupyter client for tests: it knows the protocol from its specification, shares no code with the kernel,
 * and fails on every message that a test did not expect.
 */
import { strict as assert } from 'node:assert';
import { createHmac, randomUUID } from 'node:crypto';
import * as zmq from 'zeromq';

export interface ConnectionFile {
  transport: string;
  ip: string;
  key: string;
  signature_scheme: string;
  shell_port: number;
  control_port: number;
  stdin_port: number;
  iopub_port: number;
  hb_port: number;
  curve_publickey?: string;
  curve_secretkey?: string;
}

export interface Message {
  type: string;
  header: Record<string, any>;
  parent: string;
  metadata: Record<string, any>;
  content: Record<string, any>;
  buffers: Buffer[];
  identities: string[];
}

export type Channel = 'shell' | 'control' | 'stdin';

/** Everything between a request and its idle. */
export interface Exchange {
  id: string;
  /** Undefined for messages without a reply. */
  reply: Message | undefined;
  /** Messages of iopub, statuses included. */
  iopub: Message[];
}

const DELIMITER = '<IDS|MSG>';
const DEADLINE_MS = 20_000;

/** Fails with the name of what was awaited. */
export async function within<T>(promise: Promise<T>, what: string, ms = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

class Waiting {
  messages: Message[] = [];
  #wake: (() => void)[] = [];

  push(message: Message): void {
    this.messages.push(message);
    for (const wake of this.#wake.splice(0)) wake();
  }

  async take(matches: (message: Message) => boolean, what: string, ms?: number): Promise<Message> {
    const found = async (): Promise<Message> => {
      for (;;) {
        const at = this.messages.findIndex(matches);
        if (at >= 0) return this.messages.splice(at, 1)[0]!;
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
    };
    return await within(found(), what, ms);
  }
}

export class JupyterClient {
  readonly session = randomUUID();
  readonly connection: ConnectionFile;
  readonly #sockets: { shell: zmq.Dealer; control: zmq.Dealer; stdin: zmq.Dealer; iopub: zmq.Subscriber };
  readonly #queues = {
    shell: new Waiting(),
    control: new Waiting(),
    stdin: new Waiting(),
    iopub: new Waiting(),
  };
  readonly #sending = { shell: Promise.resolve(), control: Promise.resolve(), stdin: Promise.resolve() };
  #count = 0;

  constructor(connection: ConnectionFile) {
    this.connection = connection;
    const curve = connection.curve_publickey
      ? {
          curveServerKey: connection.curve_publickey,
          curvePublicKey: connection.curve_publickey,
          curveSecretKey: connection.curve_secretkey!,
        }
      : {};
    const dealer = { routingId: this.session, linger: 0, ...curve };
    this.#sockets = {
      shell: new zmq.Dealer(dealer),
      control: new zmq.Dealer(dealer),
      stdin: new zmq.Dealer(dealer),
      iopub: new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 0, ...curve }),
    };
  }

  endpoint(port: number): string {
    const { transport, ip } = this.connection;
    return transport === 'ipc' ? `ipc://${ip}-${port}` : `tcp://${ip}:${port}`;
  }

  /** Connects, and waits for iopub's welcome. */
  async connect(topic = ''): Promise<Message> {
    for (const name of ['shell', 'control', 'stdin', 'iopub'] as const) {
      this.#sockets[name].connect(this.endpoint(this.connection[`${name}_port`]));
      void this.#read(name);
    }
    this.#sockets.iopub.subscribe(topic);
    return await this.#queues.iopub.take(({ type }) => type === 'iopub_welcome', 'iopub_welcome');
  }

  async #read(name: Channel | 'iopub'): Promise<void> {
    for await (const frames of this.#sockets[name]) {
      const message = this.#parse(frames);
      // "starting" is published once, to the first subscriber, and not in answer to anything.
      if (message.content['execution_state'] === 'starting') assert.equal(message.parent, '');
      else this.#queues[name].push(message);
    }
  }

  #parse(frames: Buffer[]): Message {
    const at = frames.findIndex((frame) => frame.toString() === DELIMITER);
    assert.ok(at >= 0, 'a message without a delimiter');
    const [signature, ...parts] = frames.slice(at + 1);
    const json = parts.slice(0, 4);
    assert.equal(json.length, 4);
    if (this.connection.key) assert.equal(signature!.toString(), this.sign(json), 'wrong signature');
    const [header, parent, metadata, content] = json.map((frame) => JSON.parse(frame.toString()));
    return {
      type: header.msg_type,
      header,
      parent: parent.msg_id ?? '',
      metadata,
      content,
      buffers: parts.slice(4),
      identities: frames.slice(0, at).map(String),
    };
  }

  sign(frames: readonly Buffer[], key = this.connection.key): string {
    const hmac = createHmac(this.connection.signature_scheme.slice('hmac-'.length), key);
    for (const frame of frames) hmac.update(frame);
    return hmac.digest('hex');
  }

  /** The frames of a request, signed. */
  frames(
    type: string,
    content: unknown,
    options: { header?: object; metadata?: object; parent?: object; buffers?: Buffer[] } = {},
  ): { id: string; frames: Buffer[] } {
    const id = `${this.session}-${++this.#count}`;
    const header = {
      msg_id: id,
      msg_type: type,
      session: this.session,
      username: 'test',
      date: new Date().toISOString(),
      version: '5.5',
      ...options.header,
    };
    const parts = [header, options.parent ?? {}, options.metadata ?? {}, content].map((part) =>
      Buffer.from(JSON.stringify(part)),
    );
    const signature = this.connection.key ? this.sign(parts) : '';
    return {
      id,
      frames: [Buffer.from(DELIMITER), Buffer.from(signature), ...parts, ...(options.buffers ?? [])],
    };
  }

  async sendFrames(channel: Channel, frames: Buffer[]): Promise<void> {
    const sent = this.#sending[channel].then(() => this.#sockets[channel].send(frames));
    this.#sending[channel] = sent.catch(() => undefined);
    await sent;
  }

  async send(channel: Channel, type: string, content: unknown, options = {}): Promise<string> {
    const { id, frames } = this.frames(type, content, options);
    await this.sendFrames(channel, frames);
    return id;
  }

  async take(
    channel: Channel | 'iopub',
    matches: (message: Message) => boolean,
    what: string,
    ms?: number,
  ): Promise<Message> {
    return await this.#queues[channel].take(matches, `${what} on ${channel}`, ms);
  }

  /** Waits for the reply and for idle of a request, and takes everything of it from iopub. */
  async finish(
    id: string,
    channel: Channel,
    options: { reply?: boolean; ms?: number } = {},
  ): Promise<Exchange> {
    const own = (message: Message): boolean => message.parent === id;
    const reply =
      options.reply === false
        ? undefined
        : await this.take(channel, own, `reply to ${id.slice(-8)}`, options.ms);
    const iopub: Message[] = [];
    do {
      iopub.push(await this.take('iopub', own, `message of ${id.slice(-8)}`, options.ms));
    } while (iopub.at(-1)!.content['execution_state'] !== 'idle');
    assert.equal(iopub[0]!.content['execution_state'], 'busy', 'the first message of a request must be busy');
    return { id, reply, iopub };
  }

  async request(
    channel: Channel,
    type: string,
    content: unknown,
    options: { reply?: boolean; ms?: number; header?: object; buffers?: Buffer[] } = {},
  ): Promise<Exchange> {
    const exchange = await this.finish(await this.send(channel, type, content, options), channel, options);
    if (exchange.reply) {
      assert.equal(exchange.reply.type, type.replace('_request', '_reply'));
    }
    return exchange;
  }

  startCell(code: string, options: object = {}, header: object = {}): Promise<string> {
    return this.send('shell', 'execute_request', executeContent(code, options), { header });
  }

  async cell(code: string, options: object = {}, more: { ms?: number; header?: object } = {}): Promise<Cell> {
    return new Cell(await this.request('shell', 'execute_request', executeContent(code, options), more));
  }

  async finishCell(id: string, ms?: number): Promise<Cell> {
    return new Cell(await this.finish(id, 'shell', ms === undefined ? {} : { ms }));
  }

  /** Messages of any channel that no request caused. */
  leftOver(): Message[] {
    return Object.values(this.#queues).flatMap(({ messages }) => messages);
  }

  /** Takes all that is there, from one channel or from all. */
  drain(channel?: Channel | 'iopub'): Message[] {
    const queues = channel ? [this.#queues[channel]] : Object.values(this.#queues);
    return queues.flatMap(({ messages }) => messages.splice(0));
  }

  /** A late message of a cell that has ended. */
  async late(id: string, type: string): Promise<Message> {
    return await this.take(
      'iopub',
      (message) => message.parent === id && message.type === type,
      `late ${type}`,
    );
  }

  async heartbeat(ms = DEADLINE_MS): Promise<void> {
    const { curve_publickey: key, curve_secretkey: secret } = this.connection;
    const socket = new zmq.Request({
      linger: 0,
      ...(key ? { curveServerKey: key, curvePublicKey: key, curveSecretKey: secret! } : {}),
    });
    try {
      socket.connect(this.endpoint(this.connection.hb_port));
      await socket.send('ping');
      const [pong] = await within(socket.receive(), 'heartbeat', ms);
      assert.equal(pong!.toString(), 'ping');
    } finally {
      socket.close();
    }
  }

  close(): void {
    for (const socket of Object.values(this.#sockets)) socket.close();
  }
}

/** The content of an execute_request. */
export function executeContent(code: string, options: object = {}): Record<string, unknown> {
  return {
    code,
    silent: false,
    store_history: true,
    user_expressions: {},
    allow_stdin: true,
    stop_on_error: true,
    ...options,
  };
}

/** One run of a cell, in the words that tests ask for. */
export class Cell {
  readonly id: string;
  readonly reply: Record<string, any>;
  readonly iopub: Message[];

  constructor(exchange: Exchange) {
    this.id = exchange.id;
    this.reply = exchange.reply!.content;
    this.iopub = exchange.iopub;
  }

  of(type: string): Record<string, any>[] {
    return this.iopub.filter((message) => message.type === type).map(({ content }) => content);
  }

  text(name: 'stdout' | 'stderr'): string {
    return this.of('stream')
      .filter((content) => content['name'] === name)
      .map((content) => content['text'])
      .join('');
  }

  get stdout(): string {
    return this.text('stdout');
  }

  get stderr(): string {
    return this.text('stderr');
  }

  /** text/plain of the result. */
  get result(): string | undefined {
    return this.of('execute_result')[0]?.['data']['text/plain'];
  }

  /** The order of what was published, streams as one word each. */
  get order(): string[] {
    return this.iopub.map(({ type, content }) => {
      if (type === 'status') return content['execution_state'];
      return type === 'stream' ? content['name'] : type;
    });
  }
}
