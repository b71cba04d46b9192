import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  defaultEnvironment,
  environmentFor,
  findCandidates,
  findEnvironments,
  inspectEnvironment,
  ipykernelCommand,
  resolveEnvironment,
} from '../../../src/interop/python/environments.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tensorcell-envs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A folder that looks like an environment; its Python answers what `say` holds. */
function environment(path: string, kind: 'venv' | 'conda' | 'plain', say: object = {}): string {
  const prefix = join(root, path);
  mkdirSync(join(prefix, 'bin'), { recursive: true });
  if (kind === 'venv') writeFileSync(join(prefix, 'pyvenv.cfg'), '');
  if (kind === 'conda') mkdirSync(join(prefix, 'conda-meta'));
  const executable = join(prefix, 'bin', 'python3');
  const answer = JSON.stringify({ executable, prefix, version: '3.12.1', packages: {}, ...say });
  writeFileSync(executable, `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(executable, 0o755);
  return prefix;
}

function surroundings(variables: Record<string, string> = {}) {
  mkdirSync(join(root, 'home', 'work'), { recursive: true });
  return {
    environment: { HOME: join(root, 'home'), PATH: join(root, 'path'), ...variables },
    directory: join(root, 'home', 'work'),
  };
}

/** Without what this very machine has in fixed places. */
function own(found: { executable: string; kind: string; name: string }[]): string[][] {
  return found
    .filter(({ executable }) => executable.startsWith(root))
    .map(({ kind, name, executable }) => [kind, name, dirname(dirname(executable)).slice(root.length + 1)]);
}

test('the active environment first, then those next to the notebook, the path, conda and pyenv', () => {
  environment('active', 'venv');
  environment('home/work/.venv', 'venv');
  environment('home/env', 'venv');
  environment('home/miniforge3', 'conda');
  environment('home/miniforge3/envs/torch', 'conda');
  environment('elsewhere/conda', 'conda');
  environment('home/.pyenv/versions/3.12.1', 'plain');
  mkdirSync(join(root, 'home', 'work', 'data'));
  mkdirSync(join(root, 'home', '.conda'));
  writeFileSync(join(root, 'home', '.conda', 'environments.txt'), `${root}/elsewhere/conda\n/gone\n`);
  const found = findCandidates(surroundings({ VIRTUAL_ENV: join(root, 'active'), CONDA_PREFIX: '/x' }));
  expect(own(found)).toEqual([
    ['active', 'active', 'active'],
    ['venv', '.venv', 'home/work/.venv'],
    ['venv', 'env', 'home/env'],
    ['conda', 'conda', 'elsewhere/conda'],
    ['conda', 'miniforge3', 'home/miniforge3'],
    ['conda', 'torch', 'home/miniforge3/envs/torch'],
    ['pyenv', '3.12.1', 'home/.pyenv/versions/3.12.1'],
  ]);
});

test('the default is the active one whatever it lacks, else the first with ipykernel', async () => {
  environment('active', 'venv');
  environment('home/work/bare', 'venv');
  const good = environment('home/work/good', 'venv', { packages: { ipykernel: '7.0' } });
  const active = await defaultEnvironment(surroundings({ VIRTUAL_ENV: join(root, 'active') }));
  expect(active.prefix).toBe(join(root, 'active'));
  expect((await defaultEnvironment(surroundings())).prefix).toBe(good);
});

test('named by folder, by program, relative, with ~ and by name', async () => {
  const prefix = environment('home/work/torch', 'venv');
  for (const named of [prefix, `${prefix}/bin/python3`, 'torch', './torch', '~/work/torch']) {
    expect((await resolveEnvironment(named, surroundings())).prefix).toBe(prefix);
  }
  environment('home/miniconda3/envs/deep', 'conda');
  expect((await resolveEnvironment('deep', surroundings())).kind).toBe('conda');
  await expect(resolveEnvironment('nowhere', surroundings())).rejects.toMatchObject({
    code: 'no-environment',
    message: 'there is no Python environment nowhere. %python envs lists the available ones',
  });
  mkdirSync(join(root, 'home/work/data'), { recursive: true });
  await expect(resolveEnvironment('data', surroundings())).rejects.toThrow(/is not a Python environment/);
});

test('one that does not run is left out of the list, and an error when it is named', async () => {
  const prefix = environment('home/work/broken', 'venv');
  writeFileSync(join(prefix, 'bin', 'python3'), '#!/bin/sh\necho "libpython is gone" >&2\nexit 127\n');
  expect(own(await findEnvironments(surroundings()))).toEqual([]);
  await expect(resolveEnvironment('broken', surroundings())).rejects.toMatchObject({
    code: 'no-environment',
    message: expect.stringMatching(/broken\/bin\/python3 does not run: libpython is gone$/),
  });
});

test('the description of an environment is kept until a package comes or goes', async () => {
  const prefix = environment('home/work/env', 'venv');
  const [candidate] = findCandidates(surroundings());
  const packages = join(prefix, 'lib', 'python3.12', 'site-packages');
  mkdirSync(packages, { recursive: true });
  expect((await inspectEnvironment(candidate!, surroundings())).packages).toEqual({});
  environment('home/work/env', 'venv', { packages: { torch: '2.9' } });
  expect((await inspectEnvironment(candidate!, surroundings())).packages).toEqual({});
  await new Promise((resolve) => setTimeout(resolve, 20));
  mkdirSync(join(packages, 'torch'));
  expect((await inspectEnvironment(candidate!, surroundings())).packages).toEqual({ torch: '2.9' });
});

test('variables are those of an activated environment', () => {
  const venv = environment('venv', 'venv');
  const conda = environment('conda', 'conda');
  const before = { PATH: '/usr/bin', PYTHONHOME: '/x', VIRTUAL_ENV: '/y', CONDA_PREFIX: '/z', KEPT: '1' };
  expect(environmentFor(join(venv, 'bin', 'python3'), before)).toEqual({
    PATH: `${venv}/bin:/usr/bin`,
    VIRTUAL_ENV: venv,
    KEPT: '1',
  });
  expect(environmentFor(join(conda, 'bin', 'python3'), before)).toEqual({
    PATH: `${conda}/bin:/usr/bin`,
    CONDA_PREFIX: conda,
    CONDA_DEFAULT_ENV: 'conda',
    KEPT: '1',
  });
});

test('the command that brings ipykernel', () => {
  const conda = environment('conda', 'conda');
  expect(ipykernelCommand({ executable: '/usr/bin/python3', prefix: '/usr' })).toBe(
    'sudo apt install python3-ipykernel',
  );
  expect(ipykernelCommand({ executable: `${conda}/bin/python3`, prefix: conda })).toBe(
    `conda install -y -p ${conda} ipykernel`,
  );
  expect(ipykernelCommand({ executable: '/e/bin/python3', prefix: '/e' })).toBe(
    '/e/bin/python3 -m pip install ipykernel',
  );
});
