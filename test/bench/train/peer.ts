import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** What a peer is asked to do: train the network `name`. */
export interface Request {
  name: string;
  batch: number;
  steps: number;
  input: number[];
  classes: number;
  /** Hidden layers, for the growth with depth. */
  depth: number;
  /** What the peer may vary, such as jit_compile. */
  variant: string;
  epochs: number;
}

export interface Answer {
  ms?: number;
  failed?: string;
}

/** A process that answers one line of JSON for each line of JSON, and says first what it is. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  /** Name and version, for the report. */
  readonly about: string;

  private constructor(child: ChildProcess, reader: Interface, lines: AsyncIterator<string>, about: string) {
    this.#child = child;
    this.#reader = reader;
    this.#lines = lines;
    this.about = about;
  }

  /** A text that says why, where the program lacks what it needs. */
  static async start(program: string, args: string[]): Promise<Peer | string> {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('close', () => resolve(errors.trim().split('\n').at(-1) ?? 'it ended'));
    });
    const reader = createInterface(child.stdout);
    const lines = reader[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) return ended;
    return new Peer(child, reader, lines, (JSON.parse(first.value) as { about: string }).about);
  }

  async ask(request: Request): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) return { failed: 'its process ended' };
    return JSON.parse(answer.value) as Answer;
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#reader.close();
  }
}
