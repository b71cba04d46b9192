/** The packed tarball, installed as a user would: in a home of its own, without the checkout. Needs the npm registry. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sizeOnDisk } from '../../src/runtimes/store.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-package-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));

const home = join(folder, 'home');
const prefix = join(folder, 'npm');
const own = join(home, 'tensorcell-data');
mkdirSync(home, { recursive: true });
mkdirSync(prefix);
/** The libraries of whoever runs the tests serve, since fetching them is tested elsewhere. */
const runtimes = join(
  process.env['TENSORCELL_HOME'] ?? join(homedir(), '.local/share/tensorcell'),
  'runtimes',
);
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  HOME: home,
  // How this machine reaches npm's registry is in its own settings.
  NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'),
  npm_config_cache: join(folder, 'npm-cache'),
  PATH: `${join(prefix, 'bin')}:${process.env['PATH']}`,
  TENSORCELL_HOME: own,
  TENSORCELL_RUNTIME: join(runtimes, 'cpu-2.21.0'),
  TENSORCELL_HISTORY: ':memory:',
};

function run(program: string, args: string[], cwd = home): { code: number | null; out: string; err: string } {
  const done = spawnSync(program, args, { cwd, env: environment, encoding: 'utf8', timeout: 400_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test(
  'the tarball installs without a compiler and without scripts, within 120 MB',
  { timeout: 400_000 },
  () => {
    const packed = run('npm', ['pack', '--json', '--pack-destination', folder], root);
    assert.equal(packed.code, 0, packed.err);
    const [{ filename, files }] = JSON.parse(packed.out) as [{ filename: string; files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    for (const needed of [
      'dist/kernel.js',
      'dist/runtime.js',
      'dist/tf.cjs',
      'dist/cli.js',
      'dist/types/src/globals/index.d.ts',
    ]) {
      assert.ok(paths.includes(needed), `${needed} is not in the tarball`);
    }
    assert.deepEqual(
      paths.filter((path) => /^(kernel|src|test|scripts|node_modules)\//.test(path)),
      [],
    );
    const installed = run('npm', [
      'install',
      '--global',
      '--prefix',
      prefix,
      '--ignore-scripts',
      '--loglevel=error',
      join(folder, filename),
    ]);
    assert.equal(installed.code, 0, installed.err);
    assert.equal(existsSync(join(prefix, 'lib/node_modules/tensorcell/node_modules/@tensorflow')), false);
    const size = sizeOnDisk(join(prefix, 'lib'));
    console.log(
      `installed: ${Math.round(size / 1e6)} MB without runtimes, tarball ${Math.round(statSync(join(folder, filename)).size / 1e5) / 10} MB`,
    );
    assert.ok(size < 120e6, `${size} bytes`);
  },
);

test(
  'the installed command makes an environment and runs a notebook that trains and is type-checked',
  { timeout: 600_000 },
  () => {
    const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string })
      .version;
    assert.equal(run('tensorcell', ['version']).out, `${version}\n`);
    const setup = run('tensorcell', ['setup', '--runtime', 'none']);
    assert.equal(setup.code, 0, setup.out + setup.err);
    const cells = [
      'const sum = tf.tensor([1, 2, 3]).sum();\n[tf.getBackend(), sum.dataSync()[0]]',
      "import * as tfjs from '@tensorflow/tfjs';\ntfjs.Tensor === tf.Tensor",
      'const wrong: number = tf.tensor([1]).shape;',
    ];
    const path = join(home, 'first.ipynb');
    const notebook = {
      cells: cells.map((source, at) => ({
        cell_type: 'code',
        id: `c${at}`,
        source,
        metadata: {},
        outputs: [],
        execution_count: null,
      })),
      metadata: { kernelspec: { name: 'tensorcell', display_name: 'TypeScript (Tensorcell)' } },
      nbformat: 4,
      nbformat_minor: 5,
    };
    writeFileSync(path, JSON.stringify(notebook));
    const copy = join(home, 'out.ipynb');
    environment['TENSORCELL_HEADLESS'] = '1';
    const ran = run('tensorcell', ['run', path, '--output', copy, '--environment', join(own, 'environment')]);
    assert.equal(ran.code, 0, ran.err);
    const outputs = (JSON.parse(readFileSync(copy, 'utf8')) as typeof notebook).cells.map((cell) =>
      JSON.stringify(cell.outputs),
    );
    assert.match(outputs[0]!, /\[ 'tensorflow', 6 \]/);
    assert.match(outputs[1]!, /"text\/plain":"true"/);
    assert.match(outputs[2]!, /number\[\].*not assignable to type 'number'/);
    assert.doesNotMatch(outputs[0]!, /stderr/);
  },
);

test('uninstall --all leaves no trace', () => {
  assert.equal(run('tensorcell', ['install']).code, 0);
  const gone = run('tensorcell', ['uninstall', '--all']);
  assert.equal(gone.code, 0, gone.err);
  assert.equal(run('npm', ['uninstall', '--global', '--prefix', prefix, 'tensorcell']).code, 0);
  const rest = readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((name) => /tensorcell/i.test(name))
    .sort();
  assert.deepEqual(rest, []);
});
