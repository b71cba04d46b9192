// The same with cells of 5 MB: no scan of a cell's text takes more than linear time in the kernel process.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';
import { askAll, cellOf, KINDS } from './cell-kinds.ts';

const CHARACTERS = 5_000_000;
const LIMITS = { interruptAfterMs: 5000, ms: 120_000 };
/** The kernel process reads and signs the messages themselves, of 5 MB each, on a machine with other work. */
const SILENT_MS = 20_000;

for (const [name, unit] of Object.entries(KINDS)) {
  test(`a cell of 5 MB: ${name}`, { timeout: 600_000 }, (context) =>
    withKernel(
      async (client, { child }) => {
        const { silentMs, outcome } = await askAll(client, name, cellOf(unit, CHARACTERS), LIMITS);
        context.diagnostic(`silent for ${silentMs.toFixed(0)} ms; ${outcome}`);
        assert.equal(child.exitCode ?? child.signalCode, null, 'the kernel process has ended');
        assert.ok(silentMs < SILENT_MS, `no answer for ${silentMs.toFixed(0)} ms`);
      },
      { mayLog: /^/ },
    ),
  );
}

test('a cell of 5 MB: a list of numbers', { timeout: 600_000 }, () =>
  withKernel(async (client) => {
    const count = 1_000_000;
    const cell = await client.cell(
      `const long = [${'7.25,'.repeat(count)}]; long.length`,
      {},
      { ms: 120_000 },
    );
    assert.equal(cell.result, String(count));
    assert.equal((await client.cell('long[999_999] + long.length')).result, String(count + 7.25));
  }),
);
