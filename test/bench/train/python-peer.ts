import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A Python process that answers one line of JSON for each line of JSON. */
export class PythonPeer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  /** What it said of itself when it was ready. */
  readonly about: { version: string };

  private constructor(
    child: ChildProcess,
    reader: Interface,
    lines: AsyncIterator<string>,
    about: { version: string },
  ) {
    this.#child = child;
    this.#reader = reader;
    this.#lines = lines;
    this.about = about;
  }

  /** Undefined when that Python lacks what the script needs. */
  static async start(python: string, script: string): Promise<PythonPeer | undefined> {
    const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.on('error', () => undefined);
    if (child.stdout === null) return undefined;
    const reader = createInterface(child.stdout);
    const lines = reader[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) return undefined;
    return new PythonPeer(child, reader, lines, JSON.parse(first.value) as { version: string });
  }

  async ask(request: unknown): Promise<{ ms?: number; failed?: string }> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) return { failed: 'it ended' };
    return JSON.parse(answer.value) as { ms?: number; failed?: string };
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#reader.close();
  }
}
