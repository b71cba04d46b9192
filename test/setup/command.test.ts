import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A separate home, with none of our variables in the environment. */
function fresh(): {
  home: string;
  run: (args: string[], env?: Record<string, string>) => { code: number; text: string };
} {
  const home = mkdtempSync(join(folder, 'home-'));
  const base: NodeJS.ProcessEnv = {
    HOME: home,
    PATH: process.env['PATH'],
    TENSORCELL_HOME: join(home, 'tensorcell'),
  };
  return {
    home,
    run(args, env = {}) {
      const done = spawnSync(process.execPath, [join(root, 'dist', 'cli.js'), ...args], {
        encoding: 'utf8',
        env: { ...base, ...env },
        cwd: home,
      });
      return { code: done.status ?? -1, text: done.stdout + done.stderr };
    },
  };
}

/** A folder with a `python3` that answers as the shell lines say. */
function fakePython(lines: string): string {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, 'python3'), `#!/bin/sh\n${lines}\n`);
  chmodSync(join(bin, 'python3'), 0o755);
  return bin;
}

test("install registers the kernel for the user's Jupyter, again without a change, and uninstall removes it", () => {
  const { home, run } = fresh();
  const kernel = join(home, '.local/share/jupyter/kernels/tensorcell');
  const first = run(['install']);
  assert.equal(first.code, 0);
  assert.equal(first.text.split('\n')[0], `registered the kernel in ${kernel}`);
  assert.deepEqual(JSON.parse(readFileSync(join(kernel, 'kernel.json'), 'utf8')), {
    argv: [process.execPath, join(root, 'dist', 'kernel.cjs'), '{connection_file}'],
    display_name: 'TypeScript (Tensorcell)',
    language: 'typescript',
    interrupt_mode: 'message',
    kernel_protocol_version: '5.5',
    metadata: { debugger: false, supported_encryption: 'curve' },
  });
  assert.deepEqual(readdirSync(kernel).sort(), [
    'kernel.json',
    'logo-32x32.png',
    'logo-64x64.png',
    'logo-svg.svg',
  ]);
  assert.equal(run(['install']).text.split('\n')[0], `the kernel is registered in ${kernel}`);
  const gone = run(['uninstall']);
  assert.deepEqual(gone, { code: 0, text: `removed ${kernel}\n` });
  assert.ok(!existsSync(dirname(kernel)));
});

test('install goes where it is told, and uninstall finds every place', () => {
  const { home, run } = fresh();
  const places = [
    [['install', '--prefix', join(home, 'p')], join(home, 'p/share/jupyter/kernels/tensorcell'), {}],
    [
      ['install', '--sys-prefix'],
      join(home, 'v/share/jupyter/kernels/tensorcell'),
      { VIRTUAL_ENV: join(home, 'v') },
    ],
    [['install', '--user'], join(home, 'data/kernels/tensorcell'), { JUPYTER_DATA_DIR: join(home, 'data') }],
  ] as const;
  for (const [args, kernel, env] of places) {
    assert.equal(run([...args], env).code, 0);
    assert.ok(existsSync(join(kernel, 'kernel.json')), kernel);
  }
  mkdirSync(join(home, 'tensorcell', 'runtimes'), { recursive: true });
  writeFileSync(join(home, 'tensorcell', 'history.sqlite'), 'x'.repeat(4000));
  const gone = run(['uninstall']);
  assert.deepEqual(gone.text.split('\n'), [
    ...places.map(([, kernel]) => `removed ${kernel}`),
    'kept (tensorcell uninstall --all removes it too):',
    `      4 kB  ${join(home, 'tensorcell/history.sqlite')}`,
    `      0 kB  ${join(home, 'tensorcell/runtimes')}`,
    '',
  ]);
  assert.equal(run(['uninstall', '--all']).text, `removed ${join(home, 'tensorcell')}, 4 kB freed\n`);
  assert.ok(!existsSync(join(home, 'tensorcell')));
});

test('without python3 there is one sentence with the remedy', () => {
  const { home, run } = fresh();
  const done = run(['setup', '--environment', join(home, 'env')], { PATH: join(home, 'empty') });
  assert.deepEqual(done, {
    code: 1,
    text: 'tensorcell: python3 was not found: install it with "sudo apt install python3 python3-venv" (Debian, Ubuntu) and run this again\n',
  });
});

test('an old Python, and one without venv, are told apart', () => {
  const { home, run } = fresh();
  const args = ['setup', '--environment', join(home, 'env')];
  const old = fakePython('echo 3.9.2');
  assert.match(
    run(args, { PATH: old }).text,
    /^tensorcell: python3 is Python 3\.9\.2, and JupyterLab needs 3\.10 or newer/,
  );
  const bare = fakePython('case "$2" in *ensurepip*) exit 1;; *) echo 3.12.3;; esac');
  assert.deepEqual(run(args, { PATH: bare }), {
    code: 1,
    text: 'tensorcell: Python 3.12.3 lacks its venv module: install it with "sudo apt install python3.12-venv" (Debian, Ubuntu) and run this again\n',
  });
});

test('runtime list says what is there, in words and as JSON; unknown names are answered with the known ones', () => {
  const { home, run } = fresh();
  const path = join(home, 'tensorcell/runtimes/cpu-2.21.0');
  mkdirSync(join(path, 'tensorflow'), { recursive: true });
  writeFileSync(join(path, 'tensorflow/libtensorflow_cc.so.2'), 'x'.repeat(2_000_000));
  writeFileSync(
    join(path, 'runtime.json'),
    JSON.stringify({
      name: 'cpu',
      version: '2.21.0',
      tensorflow: '2.21.0',
      files: { 'tensorflow/libtensorflow_cc.so.2': 9 },
    }),
  );
  assert.equal(run(['runtime', 'use', 'cpu']).text, 'cpu-2.21.0 is used from the next kernel start\n');
  const lines = run(['runtime', 'list']).text.split('\n');
  assert.equal(
    lines[0],
    `cpu-2.21.0         TensorFlow 2.21.0      2 MB  ${path}  (chosen; damaged: tensorflow/libtensorflow_cc.so.2 (tensorcell runtime install cpu installs it again))`,
  );
  assert.match(lines[1]!, /^not installed: cuda .* 3\.3 GB to fetch, 5\.2 GB installed$/);
  const json = JSON.parse(run(['runtime', 'list', '--json']).text);
  assert.deepEqual(json.chosen, { runtime: 'cpu' });
  assert.deepEqual(json.installed[0].damagedFiles, ['tensorflow/libtensorflow_cc.so.2']);
  assert.equal(run(['runtime', 'path', 'cpu']).text, `${path}\n`);
  assert.deepEqual(run(['runtime', 'remove', 'cuda']), {
    code: 1,
    text: 'tensorcell: no TensorFlow build "cuda" is installed: cpu-2.21.0\n',
  });
  assert.equal(run(['runtime', 'remove', 'cpu']).text, 'removed cpu-2.21.0, 2 MB freed\n');
  assert.equal(run(['runtime', 'install', 'rocm']).code, 1);
});

test('runtime use --python takes the TensorFlow of an environment, or says what it lacks', () => {
  const { home, run } = fresh();
  const site = join(home, 'site-packages');
  mkdirSync(join(site, 'tensorflow'), { recursive: true });
  const python = join(fakePython(`echo 2.21.0; echo ${site}`), 'python3');
  assert.match(
    run(['runtime', 'use', '--python', python]).text,
    /TensorFlow 2\.21\.0 in .*site-packages is not complete: libtensorflow_cc\.so\.2 is missing/,
  );
  for (const name of ['cc', 'framework'])
    writeFileSync(join(site, `tensorflow/libtensorflow_${name}.so.2`), '');
  assert.equal(
    run(['runtime', 'use', '--python', python]).text,
    `TensorFlow 2.21.0 in ${site} is used from the next kernel start\n`,
  );
  assert.deepEqual(JSON.parse(readFileSync(join(home, 'tensorcell/runtimes/selected.json'), 'utf8')), {
    runtime: 'python',
    path: site,
    tensorflow: '2.21.0',
  });
  assert.match(run(['runtime', 'use', '--python', process.execPath]).text, /does not run/);
  assert.equal(run(['runtime', 'use', 'auto']).code, 0);
  assert.ok(!existsSync(join(home, 'tensorcell/runtimes/selected.json')));
});

test('the history is turned off, on, and deleted', () => {
  const { home, run } = fresh();
  const file = join(home, 'tensorcell/history.sqlite');
  assert.equal(run(['history']).text, `on: history is kept in ${file}\n`);
  assert.equal(run(['history', 'clear']).text, 'there is no history\n');
  assert.equal(run(['history', 'off']).code, 0);
  writeFileSync(file, 'x'.repeat(2000));
  assert.equal(
    run(['history']).text,
    'off: the history of a kernel is not kept after it ends\nkept so far: 2 kB (tensorcell history clear deletes it)\n',
  );
  assert.equal(run(['history', 'clear']).text, `deleted ${file}\n`);
  assert.equal(run(['history', 'on']).code, 0);
  assert.equal(run(['history']).text, `on: history is kept in ${file}\n`);
  const elsewhere = { TENSORCELL_HISTORY: ':memory:' };
  assert.equal(run(['history'], elsewhere).text, 'off: the history of a kernel is not kept after it ends\n');
  assert.equal(run(['history', 'away']).code, 1);
});

test('unknown commands and options end with 2', () => {
  const { run } = fresh();
  assert.equal(run(['instal']).code, 2);
  const wrong = run(['install', '--sysprefix']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.text, /usage: tensorcell install \[--user/);
});

test('every command has --help, which does nothing else', () => {
  const { home, run } = fresh();
  const names = [...run(['help']).text.matchAll(/^  tensorcell ([\w-]+)/gm)].map(([, name]) => name!);
  assert.ok(names.length >= 10);
  for (const name of new Set(names))
    for (const option of ['--help', '-h']) {
      const { code, text } = run([name, option]);
      assert.equal(code, 0, name);
      assert.match(text, new RegExp(`^usage: tensorcell ${name}\\b`), name);
    }
  assert.match(run(['runtime', 'install', '--help']).text, /^usage: tensorcell runtime/);
  assert.deepEqual(readdirSync(home), []);
});
