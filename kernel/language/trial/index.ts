/**
 * Whether the compiler can stand a cell. The parsers are native code and recurse: text that is nested in one of many ways
 * (brackets, operators, templates, type arguments) overflows their stack, which ends the process, and some text takes them
 * minutes. So a cell that looks like it is tried in a child process first, with less stack and little CPU time.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

/** Text below this length is nested less deeply than the parsers stand, and parsed in milliseconds. */
const SHORT = 2000;
/** Text from this length on is always tried. */
const LONG = 100_000;
/** Code repeats itself 3 to 10 times; what is made to nest does so much more. */
const REPETITION = 15;
/** CPU seconds of a trial. The kernel process answers nothing while it does the same afterwards. */
const CPU_SECONDS = 6;
/** Wall time, for a machine that has no time for it. */
const WALL_MS = 90_000;
/** KiB; the kernel process has 8,192 as a rule. */
const STACK = 6000;
const REMEMBERED = 50;

/** A cell that cannot be compiled for its size or shape. */
export class TrialError extends SyntaxError {
  readonly code = 'trial';

  constructor(message: string) {
    super(message);
    this.name = 'SyntaxError';
  }
}

export interface TrialOptions {
  /** Bundle of the child process. */
  file: string;
  magics: () => Promise<readonly string[]>;
}

/** Whether a text has to be tried. */
export function isSuspect(source: string): boolean {
  if (source.length < SHORT) return false;
  if (source.length >= LONG) return true;
  return deflateRawSync(source, { level: 1 }).length * REPETITION < source.length;
}

/** @returns a function that resolves when the compiler stands a cell, and rejects with TrialError when not */
export function createTrial(options: TrialOptions): (source: string) => Promise<void> {
  const known = new Map<string, Promise<void>>();
  return async (source) => {
    if (!isSuspect(source)) return;
    const key = createHash('sha1').update(source).digest('base64');
    let outcome = known.get(key);
    if (!outcome) {
      outcome = runTrial(source, options);
      known.set(key, outcome);
      if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
    }
    await outcome;
  };
}

async function runTrial(source: string, { file, magics }: TrialOptions): Promise<void> {
  const names = await magics();
  // Limits that the shell refuses are those that are lower already.
  const limits = `ulimit -s ${STACK} 2>/dev/null; ulimit -t ${CPU_SECONDS} 2>/dev/null; ulimit -c 0 2>/dev/null`;
  const child = spawn('/bin/sh', ['-c', `${limits}; exec "$@"`, 'sh', process.execPath, file, ...names], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, WALL_MS);
  child.stdin.on('error', () => undefined);
  child.stdin.end(source);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    // Without a child nothing can be tried, and the cell is compiled as it is.
    child.once('error', () => resolve([0, null]));
    child.once('exit', (...ended) => resolve(ended));
  });
  clearTimeout(timer);
  if (code === 0) return;
  const size = `${source.length.toLocaleString('en')} characters`;
  if (late || signal === 'SIGXCPU' || signal === 'SIGKILL') {
    throw new TrialError(
      `this cell (${size}) takes the compiler more than ${CPU_SECONDS} s: split it, or read its data from a file`,
    );
  }
  throw new TrialError(
    `this cell (${size}) is nested too deeply, or is too large for the compiler: split it, or read its data from a file`,
  );
}
