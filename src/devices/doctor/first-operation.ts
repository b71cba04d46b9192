import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '../machine.ts';
import type { FirstOp } from './context.ts';

const LIMIT_MS = 7000;

/** Prints one line of JSON; the rest of its output is TensorFlow's chatter. */
const MARK = 'tensorcell-first-operation ';

const SCRIPT = `
const start = performance.now();
const library = await import(process.argv[1]);
const { loadTf, describeBackend } = library;
const tf = loadTf();
const sum = tf.tidy(() => tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).sum().dataSync()[0]);
if (sum !== 64 ** 3) throw new Error('a product of matrices gave ' + sum + ' instead of ' + 64 ** 3);
const { backend, devices } = describeBackend();
console.log(${JSON.stringify(MARK)} + JSON.stringify({
  backend, devices: devices.map(({ name }) => name), milliseconds: Math.round(performance.now() - start),
}));
process.exit(0);
`;

/**
 * Loads TensorFlow and multiplies two matrices in a process of its own, which is given up after 7 s. Undefined when the
 * library is not beside us (in tests, and for a machine that is only simulated).
 */
export function tryFirstOperation(machine: Machine): Promise<FirstOp | undefined> {
  const library = join(dirname(machine.probeFile), 'tensorflow.js');
  if (machine.root !== '/' || !existsSync(library)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, library], {
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
