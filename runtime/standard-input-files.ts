/**
 * Standard input as a file: descriptor 0, `/dev/stdin`. It is empty in a notebook, and a program that reads it would compute with
 * nothing: reading throws, as `process.stdin` does where it cannot ask. Child processes that inherit it find it empty.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import tty from 'node:tty';
import { InputError } from './input.ts';

const NAMES = /^\/(?:dev\/(?:stdin|fd\/0)|proc\/(?:self|thread-self)\/fd\/0)$/u;

type Method = (...values: unknown[]) => unknown;

function refused(): InputError {
  return new InputError(
    'NO_STDIN',
    "standard input is not a file in a notebook: ask with `await input('…')`, or `prompt('…')` where you cannot await",
  );
}

function isStandardInput(file: unknown): boolean {
  if (file === 0) return true;
  if (typeof file === 'string') return NAMES.test(file);
  if (file instanceof URL) return file.protocol === 'file:' && NAMES.test(file.pathname);
  return Buffer.isBuffer(file) && file.length < 32 && NAMES.test(file.toString('latin1'));
}

const SYNCHRONOUS = ['readFileSync', 'openSync', 'readSync', 'readvSync'] as const;
const CALLBACK = ['readFile', 'open', 'read', 'readv'] as const;
const PROMISES = ['readFile', 'open'] as const;

/** Replaces what reads files, in `node:fs` and its promises, and the terminal of descriptor 0. */
export function refuseStandardInput(): void {
  for (const name of SYNCHRONOUS)
    wrap(fs, name, () => {
      throw refused();
    });
  for (const name of CALLBACK)
    wrap(fs, name, (values) => {
      const done = values.findLast((value) => typeof value === 'function') as Method | undefined;
      if (!done) throw refused();
      process.nextTick(done, refused());
    });
  for (const name of PROMISES) wrap(fs.promises, name, () => Promise.reject(refused()));
  tty.ReadStream = new Proxy(tty.ReadStream, {
    construct(target, values: [number], made) {
      if (values[0] === 0) throw refused();
      return Reflect.construct(target, values, made) as tty.ReadStream;
    },
    apply(target, self: unknown, values: [number]) {
      if (values[0] === 0) throw refused();
      return Reflect.apply(target as unknown as Method, self, values);
    },
  });
  syncBuiltinESMExports();
}

/** Keeps the name, the number of arguments and the other properties (`util.promisify.custom`). */
function wrap(module: object, name: string, refuse: (values: unknown[]) => unknown): void {
  const method: unknown = Reflect.get(module, name);
  if (typeof method !== 'function') throw new Error(`internal error: node:fs has no ${name}`);
  const wrapped: Method = function wrapped(this: unknown, ...values: unknown[]): unknown {
    return isStandardInput(values[0]) ? refuse(values) : Reflect.apply(method, this, values);
  };
  Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(method));
  Object.assign(module, { [name]: wrapped });
}
