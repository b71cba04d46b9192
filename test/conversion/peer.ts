import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { leaves, type ConversionContext, type Leaf } from '../../src/interop/conversion/index.ts';

const script = fileURLToPath(new URL('peer.py', import.meta.url));
const conversion = fileURLToPath(
  new URL('../../src/interop/python/bridge/tensorcell_conversion.py', import.meta.url),
);

interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

/** A Python process with the bridge's module for conversion, without a kernel around it. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #id = 0;

  constructor(python: string) {
    const child = spawn(python, [script, conversion], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.value);
      else waiting?.reject(new Error(reply.error));
    });
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Python died'));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  request(op: string, argument: unknown): Promise<unknown> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, op, argument })}\n`);
    });
  }

  #context(as: string | undefined): ConversionContext & { finish(): void } {
    const actions: (() => void)[] = [];
    return {
      options: { as },
      pid: this.pid,
      request: (op, argument) => this.request(op, argument),
      done: (action) => void actions.push(action),
      finish: () => {
        for (const action of actions) action();
      },
    };
  }

  async set(name: string, value: unknown, as?: string): Promise<void> {
    const context = this.#context(as);
    try {
      const leaf = await leaves.encode(value, context);
      if (leaf === undefined) throw new TypeError('not a leaf');
      await this.request('set', { name, leaf });
    } finally {
      context.finish();
    }
  }

  async get(code: string, as?: string): Promise<unknown> {
    const context = this.#context(as);
    try {
      const leaf = (await this.request('get', { code, options: context.options })) as Leaf;
      return await leaves.decode(leaf, context);
    } finally {
      context.finish();
    }
  }

  run(code: string): Promise<unknown> {
    return this.request('run', { code });
  }

  eval(code: string): Promise<unknown> {
    return this.request('eval', { code });
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async close(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await gone;
  }
}
