import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';

/** Begins the one line of the child's output that counts. */
export const MARK = 'tensorcell-xla-trial ';

/** The report of the child process. */
export interface TrialAnswer {
  works: boolean;
  why: string;
  /** The answer is about the state of the machine, not about XLA: another process tries again. */
  passing: boolean;
}

export interface TrialOutcome extends TrialAnswer {
  timedOut: boolean;
}

/** XLA's own message or TensorFlow's last words, as far as one line tells. */
function lastWords(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '');
  const fatal = lines.find((line) => /LLVM ERROR|^F\d{4} |fatal/i.test(line)) ?? lines.at(-1);
  return fatal === undefined ? '' : ` (${fatal.trim().slice(0, 200)})`;
}

/**
 * Compiles a small training step with XLA in a child process. Never rejects: a child that crashes, gives no answer or
 * cannot be started is an outcome.
 *
 * @param script the child's program, which prints `MARK` and a `TrialAnswer`.
 * @param limitMs milliseconds after which the child is killed.
 */
export function runXlaTrial(
  script: string,
  environment: NodeJS.ProcessEnv,
  limitMs: number,
  node = process.execPath,
): Promise<TrialOutcome> {
  const failed = (why: string, rest: Partial<TrialOutcome> = {}): TrialOutcome => ({
    works: false,
    why,
    passing: false,
    timedOut: false,
    ...rest,
  });
  const notStarted = (why: string) =>
    failed(`the child process that tries XLA cannot be started: ${why}`, { passing: true });
  if (!existsSync(script)) return Promise.resolve(notStarted(`${script} is missing`));
  return new Promise((resolve) => {
    const child = spawn(node, [script], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    // A session that ends meanwhile does not wait for the child, and takes it along.
    const leave = (): void => void child.kill('SIGKILL');
    process.once('exit', leave);
    child.unref();
    // Node types pipes as any stream; they are sockets.
    for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-20_000)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-20_000)));
    const finish = (outcome: TrialOutcome): void => {
      clearTimeout(limit);
      process.off('exit', leave);
      resolve(outcome);
    };
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      finish(
        failed(`the child process that tried XLA gave no answer within ${limitMs / 1000} s`, {
          timedOut: true,
        }),
      );
    }, limitMs);
    limit.unref();
    child.on('error', (error) => finish(notStarted(error.message)));
    child.on('close', (code, signal) => {
      const line = output.split('\n').find((text) => text.startsWith(MARK));
      try {
        if (line !== undefined && code === 0) {
          finish({ ...(JSON.parse(line.slice(MARK.length)) as TrialAnswer), timedOut: false });
          return;
        }
      } catch {
        // A line that was cut off: the child has not ended as it should.
      }
      const how = signal === null ? `exit code ${code ?? 'unknown'}` : signal;
      finish(failed(`the child process that tried XLA ended with ${how}${lastWords(errors)}`));
    });
  });
}
