// The suites of npm test, each a function that runs and counts. The output of a suite goes to test-output/<name>.log.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { nodeBinary, VERSIONS } from './nodes.mjs';
import { runTests, testFiles } from './run-tests.mjs';

/** Folders under test/ that are not for node --test, or have a separate suite below. */
const OTHER_FOLDERS = ['unit', 'bench', 'fixtures', 'conformance', 'notebooks', 'lab'];

/** Files that take minutes: only with --all. */
const LONG = /\.long\.test\.ts$/;

/** Fault tests that measure how time and memory grow with what arrives. */
const GROWTH = /(floods|history|large-text|nesting|readers)(\.long)?\.test\.ts$/;

/**
 * @typedef {object} Context
 * @property {string} root of the checkout
 * @property {string} output folder of the logs
 * @property {string} environment folder of the Python environment
 * @property {boolean} all whether long tests run too
 * @property {NodeJS.ProcessEnv} env
 */

/** @typedef {{ pass: number, fail: number, skipped: number, skip?: string }} Result */

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} [skip] the reason why it cannot run here
 * @property {(context: Context) => Promise<Result>} run
 */

/**
 * Runs a program with its output in a log; resolves to its exit code.
 *
 * @param {Context} context
 * @param {string} name of the log
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
async function run(context, name, program, args, env = {}) {
  const log = createWriteStream(join(context.output, `${name}.log`), { flags: 'a' });
  const child = spawn(program, args, {
    cwd: context.root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
  await new Promise((resolve) => log.end(resolve));
  return code;
}

/**
 * A check that passes or fails as a whole.
 *
 * @param {string} name
 * @param {string} program
 * @param {string[][]} runs the arguments of each run
 * @returns {Suite}
 */
function check(name, program, ...runs) {
  return {
    name,
    async run(context) {
      let fail = 0;
      for (const args of runs) if ((await run(context, name, program, args)) !== 0) fail = 1;
      return { pass: 1 - fail, fail, skipped: 0 };
    },
  };
}

/** @type {Suite} */
const units = {
  name: 'unit',
  async run(context) {
    const report = join(context.output, 'unit.json');
    rmSync(report, { force: true });
    const jest = join(context.root, 'node_modules', 'jest', 'bin', 'jest.js');
    const code = await run(context, 'unit', process.execPath, [jest, '--json', `--outputFile=${report}`]);
    if (!existsSync(report)) return { pass: 0, fail: 1, skipped: 0 };
    const counts = JSON.parse(readFileSync(report, 'utf8'));
    // A file that does not even load fails no test.
    const fail = Math.max(counts.numFailedTests, counts.numFailedTestSuites, code === 0 ? 0 : 1);
    return { pass: counts.numPassedTests, fail, skipped: counts.numPendingTests + counts.numTodoTests };
  },
};

/**
 * Tests of one folder, in separate processes.
 *
 * @param {string} name
 * @param {readonly string[]} paths
 * @param {string} [node] the binary to test with
 * @returns {Suite}
 */
function processes(name, paths, node) {
  return {
    name,
    async run(context) {
      const log = createWriteStream(join(context.output, `${name.replaceAll(' ', '-')}.log`));
      const result = await runTests(paths, { node, output: (text) => log.write(text), env: context.env });
      await new Promise((resolve) => log.end(resolve));
      const times = Object.entries(result.milliseconds ?? {}).map(
        ([file, ms]) => `${(ms / 1000).toFixed(1)}\t${name}/${file}\n`,
      );
      appendFileSync(join(context.output, 'seconds.tsv'), times.join(''));
      const fail = Math.max(result.fail, result.code === 0 ? 0 : 1);
      return { pass: result.pass, fail, skipped: result.skipped + result.todo };
    },
  };
}

/**
 * Tests written for pytest, with the environment's Python.
 *
 * @param {string} name
 * @param {string} folder
 * @param {Context} context
 * @param {NodeJS.ProcessEnv} timeoutEnv
 * @returns {Suite}
 */
function python(name, folder, context, timeoutEnv = {}) {
  return {
    name,
    async run() {
      const report = join(context.output, `${name}.xml`);
      rmSync(report, { force: true });
      const args = ['-m', 'pytest', folder, '-q', '-p', 'no:cacheprovider', `--junitxml=${report}`];
      if (!context.all) args.push('-m', 'not long');
      const code = await run(context, name, join(context.environment, 'bin', 'python'), args, {
        ...context.env,
        ...timeoutEnv,
        PYTHONDONTWRITEBYTECODE: '1',
        PATH: `${join(context.environment, 'bin')}:${process.env['PATH']}`,
      });
      if (!existsSync(report)) return { pass: 0, fail: 1, skipped: 0 };
      const suite = /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
      const number = (/** @type {string} */ key) =>
        Number(new RegExp(` ${key}="(\\d+)"`).exec(suite)?.[1] ?? 0);
      const fail = number('failures') + number('errors');
      const skipped = number('skipped');
      return { pass: number('tests') - fail - skipped, fail: Math.max(fail, code === 0 ? 0 : 1), skipped };
    },
  };
}

/**
 * Folders with *.test.ts that have no separate suite, short files first.
 *
 * @param {Context} context
 */
function processFolders(context) {
  const base = join(context.root, 'test');
  return readdirSync(base, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !OTHER_FOLDERS.includes(entry.name))
    .map(({ name }) => name)
    .sort()
    .map((name) => ({
      name,
      files: testFiles(join(base, name)).filter((file) => context.all || !LONG.test(file)),
    }))
    .filter(({ files }) => files.length > 0);
}

/**
 * All suites, in the order in which they run.
 *
 * @param {Context} context
 */
export function suites(context) {
  const bin = (/** @type {string} */ name) => join(context.root, 'node_modules', '.bin', name);
  const folders = processFolders(context);
  /** @type {Suite[]} */
  const list = [
    check(
      'types',
      bin('tsc'),
      ['--noEmit', '-p', 'tsconfig.json'],
      ['--noEmit', '-p', 'tsconfig.scripts.json'],
    ),
    check('lint', bin('oxlint'), ['--type-aware', '--deny-warnings']),
    check('format', bin('oxfmt'), ['--check']),
    check('unused', process.execPath, [join(context.root, 'scripts', 'check-unused.mjs')]),
    check('words', process.execPath, [join(context.root, 'scripts', 'check-words.mjs')]),
    units,
    ...folders.flatMap(({ name, files }) => {
      if (name !== 'faults') return [processes(name, files)];
      const measuring = files.filter((file) => GROWTH.test(file));
      const others = files.filter((file) => !GROWTH.test(file));
      return [processes('growth', measuring), processes('faults', others)];
    }),
  ];
  const has = (/** @type {string} */ folder, /** @type {RegExp} */ pattern) =>
    existsSync(join(context.root, folder)) &&
    readdirSync(join(context.root, folder)).some((name) => pattern.test(name));
  if (has('test/conformance', /^test_.*\.py$/)) list.push(python('conformance', 'test/conformance', context));
  if (has('test/notebooks', /^test_.*\.py$/)) {
    list.push(python('notebooks', 'test/notebooks', context, context.all ? {} : { TENSORCELL_FAST: '1' }));
  }
  if (has('test/lab', /\.test\.ts$/)) {
    const files = testFiles(join(context.root, 'test', 'lab')).filter(
      (file) => context.all || !LONG.test(file),
    );
    const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
      existsSync,
    );
    list.push({
      ...processes('lab', files),
      ...(browser ? {} : { skip: 'no Chromium here: sudo apt install chromium' }),
    });
  }
  // The kernel on every version of Node: a part of its tests, more on the newest, all of them with --all.
  const kernel = folders
    .filter(({ name }) => ['kernel', 'kernel-language', 'runtime'].includes(name))
    .flatMap(({ files }) => files);
  const newest = Math.max(...VERSIONS);
  for (const version of VERSIONS) {
    const part = version === newest ? /interrupt|crash|start/ : /interrupt/;
    const chosen = context.all ? kernel : kernel.filter((file) => part.test(file));
    if (chosen.length === 0 || Number(process.versions.node.split('.')[0]) === version) continue;
    const name = `node-${version}`;
    list.push({
      name,
      async run(inner) {
        const binary = nodeBinary(version);
        if (!binary) return { pass: 0, fail: 0, skipped: 0, skip: `Node ${version} could not be fetched` };
        return processes(name, chosen, binary).run({
          ...inner,
          env: { ...inner.env, TENSORCELL_TEST_NODE: binary },
        });
      },
    });
  }
  mkdirSync(context.output, { recursive: true });
  return list;
}
