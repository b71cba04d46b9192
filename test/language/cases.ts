import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestSession } from './session.ts';

/** Cells in order, and the result of the last one. */
type Case = [what: string, cells: string[], expected: unknown];

/** A test for each. */
export function runCases(table: readonly Case[]): void {
  for (const [what, cells, expected] of table)
    test(what, async () => {
      assert.deepEqual(await new TestSession().last(...cells), expected);
    });
}
