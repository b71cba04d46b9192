import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A network to train, as each peer can build it. */
export interface Network {
  name: string;
  batch: number;
  steps: number;
  input: number[];
  classes: number;
  /** Hidden layers, for the growth with depth. */
  depth: number;
  /** Options of the peer, such as jit_compile. */
  variant: string;
  /** The file with the weights to begin with. */
  weights: string;
  /** Whether the clock starts before the network is built. */
  cold?: boolean;
}

/**
 * `begin` trains `count` steps, one by one, on the first batches; `train` trains `count` epochs of `steps` batches;
 * `forget` releases every network; `cold` builds a network anew and trains it for `count` epochs.
 */
export interface Request extends Network {
  ask: 'begin' | 'train' | 'forget' | 'cold';
  count: number;
}

export interface Answer {
  /** Of `begin`: the loss of each step. */
  losses?: number[];
  /** Of `train` milliseconds a step, of `cold` milliseconds in all; and the last epoch's mean loss. */
  ms?: number;
  loss?: number;
  failed?: string;
}

interface Running {
  child: ChildProcess;
  reader: Interface;
  lines: AsyncIterator<string>;
  /** Why it ended, when it has. */
  ended: Promise<string>;
}

/**
 * A process that says first what it is, then answers one line of JSON for each line of JSON. One that ended, or gave no
 * answer in time, is started anew by the next question.
 */
export class Peer {
  readonly #program: string;
  readonly #args: string[];
  readonly #timeoutMs: number;
  #running: Running | undefined;
  /** Name and version, for the report. */
  readonly about: string;

  private constructor(program: string, args: string[], timeoutMs: number, running: Running, about: string) {
    this.#program = program;
    this.#args = args;
    this.#timeoutMs = timeoutMs;
    this.#running = running;
    this.about = about;
  }

  /** A text with the reason, where the program lacks what it needs. */
  static async start(program: string, args: string[], timeoutMs = 240_000): Promise<Peer | string> {
    const started = await launch(program, args);
    return typeof started === 'string'
      ? started
      : new Peer(program, args, timeoutMs, started.running, started.about);
  }

  async ask(request: Request | object): Promise<Answer> {
    if (this.#running === undefined) {
      const started = await launch(this.#program, this.#args);
      if (typeof started === 'string') return { failed: started };
      this.#running = started.running;
    }
    const { child, lines, ended } = this.#running;
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#timeoutMs);
    });
    const line = await Promise.race([lines.next(), late]);
    clearTimeout(timer);
    if (line === 'late') {
      this.stop();
      return { failed: `no answer in ${this.#timeoutMs / 1000} s` };
    }
    if (line.done === true) {
      this.#running = undefined;
      return { failed: `its process ended: ${await ended}` };
    }
    return JSON.parse(line.value) as Answer;
  }

  /** Lets a process that runs give back what its networks take. */
  async forget(): Promise<void> {
    if (this.#running !== undefined) await this.ask({ ask: 'forget', count: 0 });
  }

  stop(): void {
    this.#running?.child.kill('SIGKILL');
    this.#running?.reader.close();
    this.#running = undefined;
  }
}

async function launch(
  program: string,
  args: string[],
): Promise<{ running: Running; about: string } | string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) =>
      resolve(errors.trim().split('\n').at(-1) || `exit ${code ?? signal ?? '-'}`),
    );
  });
  // A question to a process that has just ended: its missing answer shows it.
  child.stdin.on('error', () => {});
  const reader = createInterface(child.stdout);
  const lines = reader[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return ended;
  return {
    running: { child, reader, lines, ended },
    about: (JSON.parse(first.value) as { about: string }).about,
  };
}
