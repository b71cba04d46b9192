import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '../devices/machine.ts';
import type { FirstOp } from './context.ts';

const LIMIT_MS = 7000;

/** Begins the one line that counts; the rest of the output is TensorFlow's chatter. */
export const MARK = 'tensorcell-first-operation ';

/**
 * Loads TensorFlow and multiplies two matrices in a separate process, which is given up after 7 s. Undefined when the
 * library is not next to us (in tests, and for a machine that is only simulated).
 */
export function tryFirstOperation(machine: Machine): Promise<FirstOp | undefined> {
  const script = join(dirname(machine.probeFile), 'first-operation.js');
  if (machine.root !== '/' || !existsSync(script)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script], {
      env: { ...machine.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-20_000)));
    const finish = (answer: FirstOp): void => {
      clearTimeout(limit);
      resolve(answer);
    };
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      finish({ ok: false, message: `no answer within ${LIMIT_MS / 1000} s` });
    }, LIMIT_MS);
    child.on('error', (error) => finish({ ok: false, message: error.message }));
    child.on('close', (code, signal) => {
      const line = output.split('\n').find((text) => text.startsWith(MARK));
      if (line !== undefined) {
        const said = JSON.parse(line.slice(MARK.length)) as Omit<FirstOp & { ok: true }, 'ok'>;
        finish({ ok: true, ...said });
        return;
      }
      const why = errors
        .split('\n')
        .find((text) => /^\s*(\w*Error|Error)\b/.test(text))
        ?.trim();
      finish({ ok: false, message: why ?? `the process ended with ${signal ?? `exit code ${code}`}` });
    });
  });
}
