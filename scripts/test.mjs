// npm test [-- suite…] [--all] [--changed [REVISION]]: sets up, then runs every suite and ends with "N passed, N failed".
// With names only those suites run (types, lint, format, words, unit, a folder of test/, node-22 …); --all adds what takes long.
// --changed runs the suites that the differences from a revision touch (HEAD unless given).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command, prepareCheckout, root } from './setup.mjs';

const args = process.argv.slice(2);
const all = args.includes('--all');
const changed = args.indexOf('--changed');
/** The revision that `--changed` compares with. */
const revision = changed < 0 || args[changed + 1]?.startsWith('-') ? 'HEAD' : (args[changed + 1] ?? 'HEAD');
const wanted = args.filter((arg, i) => !arg.startsWith('-') && (changed < 0 || i !== changed + 1));
prepareCheckout();
// A machine's own runtime is used when it has one; the rest of the set-up is what npm run lab does, and test tools.
const code = command('setup', '--requirements', join(root, 'requirements', 'test.txt'));
if (code !== 0) process.exit(code);

const { suites: suitesOf } = await import('./test-suites.mjs');
const { changedFiles, suitesOf: changedSuites } = await import('./changed-suites.mjs');
const output = join(root, 'test-output');
rmSync(output, { recursive: true, force: true });
const context = {
  root,
  output,
  environment: join(root, '.venv'),
  all,
  // Tests must not read or write the user's history.
  // Nor do they ask a server with a company's certificate: Node 20 reads those at each start, in 65 ms.
  env: { TENSORCELL_HISTORY: ':memory:', ...(all ? {} : { NODE_EXTRA_CA_CERTS: undefined }) },
};
const list = suitesOf(context);
const unknown = wanted.filter((name) => !list.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`there is no suite ${unknown.join(', ')}: ${list.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

if (changed >= 0) {
  const files = changedFiles(root, revision);
  const touched = changedSuites(
    files,
    list.map(({ name }) => name),
  );
  console.log(`${files.length} files differ from ${revision}: ${touched?.join(', ') ?? 'every suite'}`);
  wanted.push(...(touched ?? []));
}

let passed = 0;
let failed = 0;

/** @typedef {import('./test-suites.mjs').Suite} Suite */

/** @param {Suite} suite */
async function report(suite) {
  if (suite.skip) {
    console.log(`${suite.name.padEnd(14)} skipped: ${suite.skip}`);
    return;
  }
  const start = performance.now();
  let result;
  try {
    result = await suite.run(context);
  } catch (error) {
    console.error(error);
    result = { pass: 0, fail: 1, skipped: 0 };
  }
  if (result.skip) {
    console.log(`${suite.name.padEnd(14)} skipped: ${result.skip}`);
    return;
  }
  // A suite that ran nothing proves nothing.
  if (result.pass + result.fail === 0) result.fail = 1;
  passed += result.pass;
  failed += result.fail;
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(7);
  const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : '';
  console.log(
    `${suite.name.padEnd(14)} ${seconds} s  ${result.pass} passed, ${result.fail} failed${skipped}`,
  );
  if (result.fail > 0) {
    const log = join(output, `${suite.name}.log`);
    const text = existsSync(log)
      ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-150).join('\n')
      : '';
    console.log(`${text}\n(all of it: test-output/${suite.name}.log)`);
  }
}

/** Checks of texts. */
const CHECKS = [
  ['format', 'types'],
  ['unused', 'words', 'lint'],
];

/** Suites that run alone: they take all cores, or measure how time grows. */
const ALONE = new Set(['unit', 'growth']);

/** Suites that compute most of the time. They run next to those that mostly wait for processes and sockets. */
const COMPUTES =
  /^(conversion|data|judge|keras|node-\d+|notebooks|pjrt|pytorch|safetensors|tensorflow|training)$/;

const chosen = list.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const first = new Set([...ALONE, ...CHECKS.flat()]);
const rest = chosen.filter(({ name }) => !first.has(name));
const computing = rest.filter(({ name }) => COMPUTES.test(name));
const waiting = rest.filter(({ name }) => !COMPUTES.test(name));
const checks = CHECKS.map((names) => chosen.filter(({ name }) => names.includes(name)));
await Promise.all(checks.map((suites) => lane(suites, [])));
for (const suite of chosen.filter(({ name }) => ALONE.has(name))) await report(suite);

/**
 * Runs suites from the front of `own`; when there are none left, it takes from the end of `other`.
 *
 * @param {Suite[]} own
 * @param {Suite[]} other
 */
async function lane(own, other) {
  for (let suite = own.shift() ?? other.pop(); suite; suite = own.shift() ?? other.pop()) await report(suite);
}
await Promise.all([lane(computing, waiting), lane(waiting, computing)]);
if (!all && wanted.length === 0)
  console.log(
    'not run: tests that take minutes, including all kernel tests on each version of Node (npm run test:all)',
  );
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
