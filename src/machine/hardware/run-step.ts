import { spawn } from 'node:child_process';
import { settingVariables } from './settings.ts';
import type { HardwareStep } from './steps.ts';
import type { StepOutcome, StepResult } from './report.ts';

/** Begins the one line that counts; the rest of the output is TensorFlow's. */
export const MARK = 'tensorcell-hardware-step ';

const KEPT_ERRORS = 20_000;

export interface StepProcess {
  /** The bundle of `src/api/hardware/main.ts`. */
  script: string;
  /** Arguments behind the step's name. */
  arguments: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
  limitSeconds: number;
  /** Ends the process. */
  signal?: AbortSignal;
}

/**
 * Runs a step in a separate process, which may hang or die. A process that ends without an answer is a failure: how it
 * ended and the first error that it printed are the answer.
 */
export async function runStep(step: HardwareStep, options: StepProcess): Promise<StepResult> {
  const start = performance.now();
  const outcome = await answerOf(step, options);
  return {
    name: step.name,
    title: step.title,
    seconds: Math.round((performance.now() - start) / 100) / 10,
    ...outcome,
  };
}

function answerOf(step: HardwareStep, options: StepProcess): Promise<StepOutcome> {
  const { script, environment, limitSeconds, signal } = options;
  const variables = { ...environment };
  Object.assign(variables, settingVariables(variables, step.settings ?? {}));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, step.name, ...options.arguments], {
      env: variables,
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a separate process group, so that the compilers that it starts end with it.
      detached: true,
    });
    let output = '';
    let errors = '';
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    const finish = (outcome: StepOutcome): void => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', stop);
      resolve(outcome);
    };
    const stop = (): void => {
      end();
      finish({ status: 'not-run', found: 'stopped' });
    };
    const limit = setTimeout(() => {
      end();
      finish({ status: 'fails', found: `no answer within ${limitSeconds} s` });
    }, limitSeconds * 1000);
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (errors = (errors + text).slice(-KEPT_ERRORS)));
    child.on('error', (error) => finish({ status: 'fails', found: error.message }));
    child.on('close', (code, killer) => finish(read(output, errors, killer ?? code)));
  });
}

function read(output: string, errors: string, end: NodeJS.Signals | number | null): StepOutcome {
  const line = output.split('\n').find((text) => text.startsWith(MARK));
  if (line !== undefined) return JSON.parse(line.slice(MARK.length)) as StepOutcome;
  const how =
    typeof end === 'string' ? `the process was ended by ${end}` : `the process ended with exit code ${end}`;
  const reason = errors
    .split('\n')
    .find((text) => /^\s*(\w*Error|F\d{4} )/.test(text))
    ?.trim();
  return { status: 'fails', found: reason === undefined ? how : `${how}: ${reason}` };
}
