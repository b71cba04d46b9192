import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { randomProgram, seeded } from './random-program.ts';
import { TestSession } from './session.ts';

/** Records of the programs. Global, so that both ways to run them reach the same. */
let told: string[] = [];
const shared = globalThis as Record<string, unknown>;
shared['out'] = (value: unknown) => {
  told.push(typeof value === 'number' ? String(value) : JSON.stringify(value));
  return 0;
};
shared['later'] = async (value: unknown) => {
  await Promise.resolve();
  return value;
};

async function whole(program: readonly string[]): Promise<string[]> {
  told = [];
  await (
    vm.runInThisContext(`'use strict';(async () => {${program.join('\n')}\n})`) as () => Promise<void>
  )();
  return told;
}

async function inCells(cells: readonly string[]): Promise<string[]> {
  told = [];
  const session = new TestSession();
  for (const cell of cells) {
    const { error } = await session.run(cell);
    if (error !== undefined) {
      told.push('failed');
      return told;
    }
  }
  return told;
}

const first = Number(process.env['TENSORCELL_SEED'] ?? 1);
const runs = Number(process.env['TENSORCELL_RUNS'] ?? 150);

test('a program cut into cells does what it does as a whole', async () => {
  for (let seed = first; seed < first + runs; seed++) {
    const random = seeded(seed);
    const program = randomProgram(random, 6 + Math.floor(random() * 20));
    const cells: string[] = [];
    for (const statement of program) {
      if (cells.length === 0 || random() < 0.4) cells.push(statement);
      else cells.push(`${cells.pop()}\n${statement}`);
    }
    let expected: string[];
    try {
      expected = await whole(program);
    } catch (error) {
      throw new Error(`seed ${seed}: the program itself fails:\n${program.join('\n')}`, { cause: error });
    }
    let actual: unknown;
    try {
      actual = await inCells(cells);
    } catch (error) {
      throw new Error(`seed ${seed} fails in cells:\n${cells.join('\n// ----\n')}`, { cause: error });
    }
    assert.deepEqual(actual, expected, `seed ${seed}:\n${cells.join('\n// ----\n')}`);
  }
});
