import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildJudge } from './build.ts';
import type { Judgement } from './main.ts';

/** Tests of tfjs's that do not pass on our backend, by the reason why. */
interface Exception {
  reason: string;
  when: 'both' | 'op-by-op' | 'compiled';
  /** tfjs does not run them either. */
  pending?: boolean;
  tests: string[];
}

const root = join(import.meta.dirname, '..', '..');
const exceptions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'expected-failures.json'), 'utf8'),
) as Exception[];
let folder = '';
let program = '';

before(async () => {
  // Within the checkout, so that packages are found.
  folder = mkdtempSync(join(root, '.cache', 'judge-'));
  program = await buildJudge(root, folder);
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function judge(mode: 'op-by-op' | 'compiled'): Promise<Judgement> {
  const results = join(folder, `${mode}.json`);
  const child = spawn(process.execPath, [program, results, mode], {
    cwd: folder,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, errors.slice(-4000));
  return JSON.parse(readFileSync(results, 'utf8')) as Judgement;
}

for (const mode of ['op-by-op', 'compiled'] as const) {
  test(`tfjs-core's own tests on our backend, ${mode}`, async (context) => {
    const judgement = await judge(mode);
    const expected = exceptions.filter(({ when }) => when === 'both' || when === mode);
    const notPassed = judgement.verdicts
      .filter(({ status }) => status !== 'passed')
      .map(({ name, status, messages }) => ({ name, status, message: messages[0] ?? '' }));
    const known = new Map(
      expected.flatMap(({ tests, pending }) =>
        tests.map((name) => [name, pending === true ? 'pending' : 'failed'] as const),
      ),
    );
    const surprises = notPassed.filter(({ name, status }) => known.get(name) !== status);
    assert.deepEqual(surprises, [], 'tests that should pass');
    const failed = new Set(notPassed.map(({ name }) => name));
    const mended = [...known.keys()].filter((name) => !failed.has(name));
    assert.deepEqual(mended, [], 'tests that pass although expected-failures.json says that they do not');
    const passed = judgement.verdicts.length - notPassed.length;
    assert.ok(passed > 4150, `${passed} passed`);
    context.diagnostic(`${passed} of ${judgement.verdicts.length} passed`);
    if (mode === 'op-by-op') return;
    // Those that are not: gradients of gradients, and tests of what gradients refuse.
    assert.ok(
      judgement.compiled >= 550 && judgement.opByOp <= 15,
      JSON.stringify({ ...judgement, verdicts: 0 }),
    );
    context.diagnostic(`${judgement.compiled} gradients ran compiled, ${judgement.opByOp} eager`);
  });
}
