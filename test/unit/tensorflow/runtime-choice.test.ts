import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseRuntime } from '../../../src/engines/tensorflow/runtime-choice.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tensorcell-store-'));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

function install(name: string, version: string, complete = true): string {
  const folder = join(home, 'runtimes', `${name}-${version}`);
  mkdirSync(join(folder, 'tensorflow'), { recursive: true });
  writeFileSync(join(folder, 'tensorflow', 'libtensorflow_cc.so.2'), '');
  if (complete) {
    writeFileSync(join(folder, 'runtime.json'), JSON.stringify({ name, version, tensorflow: version }));
  }
  return folder;
}

const fine = () => undefined;
const noDriver = () => 'no NVIDIA driver (libcuda.so.1) was found';

test('nothing is chosen from an empty store', () => {
  expect(chooseRuntime({ TENSORCELL_HOME: home }, fine)).toEqual({ runtime: undefined, rejected: [] });
});

test('the CUDA runtime is chosen where its driver answers', () => {
  install('cpu', '2.21.0');
  const path = install('cuda', '2.21.0');
  expect(chooseRuntime({ TENSORCELL_HOME: home }, fine)).toEqual({
    runtime: { name: 'cuda', version: '2.21.0', path, libraries: join(path, 'tensorflow') },
    rejected: [],
  });
});

test('without a driver the CPU runtime is chosen, and it is said why', () => {
  const path = install('cpu', '2.21.0');
  install('cuda', '2.21.0');
  expect(chooseRuntime({ TENSORCELL_HOME: home }, noDriver)).toEqual({
    runtime: { name: 'cpu', version: '2.21.0', path, libraries: join(path, 'tensorflow') },
    rejected: [{ what: 'cuda-2.21.0', why: 'no NVIDIA driver (libcuda.so.1) was found' }],
  });
});

test('the newest version wins, by number and not by letter', () => {
  install('cpu', '2.9.0');
  const path = install('cpu', '2.21.0');
  expect(chooseRuntime({ TENSORCELL_HOME: home }, fine).runtime?.path).toBe(path);
});

test('an installation that was not finished does not count', () => {
  install('cpu', '2.21.0', false);
  expect(chooseRuntime({ TENSORCELL_HOME: home }, fine).runtime).toBeUndefined();
});

test.each(['cpu', 'cpu-2.20.0'])('TENSORCELL_RUNTIME=%s names a runtime of the store', (named) => {
  install('cuda', '2.21.0');
  const path = install('cpu', '2.20.0');
  const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: named };
  expect(chooseRuntime(environment, fine).runtime?.path).toBe(path);
});

test('TENSORCELL_RUNTIME may be a folder that holds the libraries', () => {
  const path = install('cpu', '2.21.0', false);
  const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: join(path, 'tensorflow') };
  expect(chooseRuntime(environment, fine).runtime).toEqual({
    name: join(path, 'tensorflow'),
    version: undefined,
    path: join(path, 'tensorflow'),
    libraries: join(path, 'tensorflow'),
  });
});

test('a runtime that is named but missing is an error that lists what there is', () => {
  install('cpu', '2.21.0');
  const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: 'cuda' };
  expect(() => chooseRuntime(environment, fine)).toThrow(
    'TENSORCELL_RUNTIME is cuda, but no such TensorFlow build is installed (cpu-2.21.0). ' +
      'Install one with `tensorcell runtime install`',
  );
});
