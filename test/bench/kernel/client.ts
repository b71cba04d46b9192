import { createHmac, randomUUID } from 'node:crypto';
import { Dealer, Subscriber } from 'zeromq';
import { executeContent } from '../../kernel/jupyter-client.ts';

export interface Connection {
  ip: string;
  transport: 'tcp';
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme: 'hmac-sha256';
}

export interface Message {
  type: string;
  parent: string;
  content: Record<string, unknown>;
}

export interface Exchange {
  reply: Record<string, unknown>;
  /** Everything on iopub with this parent, up to idle, in order. */
  output: Message[];
  /** From the request to idle and reply, whichever came last. */
  milliseconds: number;
}

interface Waiting {
  reply?: Record<string, unknown>;
  idle: boolean;
  output: Message[];
  started: number;
  done: (exchange: Exchange) => void;
}

/** A Jupyter client that measures: as plain as possible, and with patience for kernels that bend the rules. */
export class BenchClient {
  readonly #connection: Connection;
  readonly #session = randomUUID();
  readonly #shell = new Dealer({
    linger: 0,
    reconnectInterval: 2,
    sendHighWaterMark: 0,
    receiveHighWaterMark: 0,
  });
  readonly #iopub = new Subscriber({ linger: 0, reconnectInterval: 2, receiveHighWaterMark: 0 });
  readonly #waiting = new Map<string, Waiting>();
  /** Output whose cell has ended already. */
  readonly late: Message[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#shell.connect(`tcp://${connection.ip}:${connection.shell_port}`);
    this.#iopub.connect(`tcp://${connection.ip}:${connection.iopub_port}`);
    this.#iopub.subscribe();
    void this.#receive(this.#shell, (message) => {
      const waiting = this.#waiting.get(message.parent);
      if (waiting === undefined) return;
      waiting.reply = message.content;
      this.#finish(message.parent, waiting);
    });
    void this.#receive(this.#iopub, (message) => {
      const waiting = this.#waiting.get(message.parent);
      if (waiting === undefined) {
        this.late.push(message);
        return;
      }
      waiting.output.push(message);
      if (message.type !== 'status' || message.content['execution_state'] !== 'idle') return;
      waiting.idle = true;
      this.#finish(message.parent, waiting);
    });
  }

  /**
   * Sends a request and resolves when both its reply and idle are there; undefined after the time limit.
   * `replyOnly` does not wait for idle: the very first one may come before the subscription holds.
   */
  async request(
    type: string,
    content: Record<string, unknown>,
    { timeoutMs = 20_000, replyOnly = false }: { timeoutMs?: number; replyOnly?: boolean } = {},
  ): Promise<Exchange | undefined> {
    const id = randomUUID();
    const parts = [
      {
        msg_id: id,
        session: this.#session,
        username: 'bench',
        date: new Date().toISOString(),
        msg_type: type,
        version: '5.3',
      },
      {},
      {},
      content,
    ].map((part) => Buffer.from(JSON.stringify(part)));
    const signature = createHmac('sha256', this.#connection.key);
    for (const part of parts) signature.update(part);
    const answered = new Promise<Exchange>((done) => {
      this.#waiting.set(id, { idle: replyOnly, output: [], started: performance.now(), done });
    });
    await this.#shell.send(['<IDS|MSG>', signature.digest('hex'), ...parts]);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((done) => {
      timer = setTimeout(() => {
        this.#waiting.delete(id);
        done(undefined);
      }, timeoutMs);
    });
    const exchange = await Promise.race([answered, late]);
    clearTimeout(timer);
    return exchange;
  }

  async execute(code: string, timeoutMs?: number): Promise<Exchange | undefined> {
    return await this.request(
      'execute_request',
      executeContent(code),
      timeoutMs === undefined ? {} : { timeoutMs },
    );
  }

  /** Resolves when nothing has come late for 300 ms (5 s at most), so that one row does not hear of another. */
  async quiet(): Promise<void> {
    for (let waited = 0, seen = -1; waited < 5000 && seen !== this.late.length; waited += 300) {
      seen = this.late.length;
      await new Promise((done) => setTimeout(done, 300));
    }
  }

  close(): void {
    this.#shell.close();
    this.#iopub.close();
  }

  #finish(id: string, waiting: Waiting): void {
    if (waiting.reply === undefined || !waiting.idle) return;
    this.#waiting.delete(id);
    waiting.done({
      reply: waiting.reply,
      output: waiting.output,
      milliseconds: performance.now() - waiting.started,
    });
  }

  async #receive(socket: Dealer | Subscriber, take: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        const at = frames.findIndex((frame) => frame.toString('latin1') === '<IDS|MSG>');
        if (at < 0) continue;
        const [header, parent, , content] = frames.slice(at + 2, at + 6).map(parsed);
        take({
          type: textOf(header?.['msg_type']),
          parent: textOf(parent?.['msg_id']),
          content: content ?? {},
        });
      }
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }
}

/** Deno writes messages into the middle of a very large one: what is no JSON is left out, and its row fails. */
function parsed(frame: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(frame.toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A field that should be a string, as one; empty when it is something else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
