// Output without end towards a reader that stalls, for minutes (npm run test:all). An hour of it, with much else: npm run soak.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';
import { readSlowly } from './slow-reader.ts';

const minutes = Number(process.env['TENSORCELL_SOAK_MINUTES'] ?? 3);

test(`${minutes} minutes of output as fast as the reader allows`, { timeout: (minutes + 5) * 60_000 }, () =>
  withKernel(async (client, kernel) => {
    assert.ok(minutes > 0, `TENSORCELL_SOAK_MINUTES is ${process.env['TENSORCELL_SOAK_MINUTES']}: no time`);
    const { lines, stalls, peak } = await readSlowly(client, kernel, {
      until: `performance.now() - started < ${minutes * 60_000}`,
      seconds: minutes * 60 + 120,
    });
    console.log(
      `${lines} lines of 1,000 characters, ${Math.round(lines / 1000 / (minutes * 60))} MB/s, ` +
        `${stalls} stalls; the kernel held ${Math.round(peak / 2 ** 20)} MiB at most`,
    );
    assert.equal((await client.cell('1 + 1')).result, '2');
  }),
);
