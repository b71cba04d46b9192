import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { cases, runCase, type Case, type Expected } from './training-cases.ts';

/** Each case of `keras/training.golden.json` gives what Keras 3 gave: logs, returned numbers, predictions after training. */

const TOLERANCE = 2e-5;

function flat(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number' || typeof value === 'string') return [[path, Number(value)]];
  return Object.entries(value as object)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, one]) => flat(one, `${path}.${key}`));
}

function compare(actual: Expected, expected: Expected): void {
  const [ours, theirs] = [flat(actual), flat(expected)];
  assert.deepEqual(
    ours.map(([path]) => path),
    theirs.map(([path]) => path),
  );
  const wrong = ours.flatMap(([path, value], i) => {
    const [, wanted] = theirs[i] as [string, number];
    const same =
      Object.is(value, wanted) || Math.abs(value - wanted) <= TOLERANCE * Math.max(1, Math.abs(wanted));
    return same ? [] : [`${path}: ${value}, not ${wanted}`];
  });
  assert.deepEqual(wrong, []);
}

const before = process.env['TENSORCELL_COMPILE'];
after(() => {
  process.env['TENSORCELL_COMPILE'] = before ?? 'on';
});

function testOne(one: Case, how: 'tensors' | 'dataset'): void {
  test(`as Keras${how === 'dataset' ? ', from a data set' : ''}: ${one.name}`, async () => {
    for (const mode of ['off', 'on'] as const) {
      process.env['TENSORCELL_COMPILE'] = mode;
      compare(await runCase(one, how), one.expected);
    }
  });
}

/** Registers a test for each case that is chosen, eagerly and compiled; several outputs from a data set too. */
export function testCases(chosen: (one: Case, index: number) => boolean): void {
  for (const one of cases.filter(chosen)) {
    testOne(one, 'tensors');
    if (one.name.includes('outputs') && one.sampleWeight === undefined) testOne(one, 'dataset');
  }
}
