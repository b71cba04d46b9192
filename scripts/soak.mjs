// npm run soak [-- MINUTES]: one kernel under load for an hour (test/soak/main.ts), then the faults: messages and files with random
// damage, another seed each time, readers that stop, full disks, signals.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { runSource } from './bundle-source.mjs';
import { runTests } from './run-tests.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [minutes = '60'] = process.argv.slice(2);

/** Rounds of damage a minute of the soak: an hour has 3,000 for each kind of file. */
const ROUNDS = 50;
const FAULTS = [
  'test/kernel/fuzz.test.ts',
  'test/faults/fuzzed-files.long.test.ts',
  'test/faults/saved-models.test.ts',
  'test/faults/readers.long.test.ts',
  'test/faults/readers.test.ts',
  'test/faults/writers.test.ts',
  'test/faults/messages.test.ts',
  'test/faults/nesting.test.ts',
  'test/faults/interrupts.test.ts',
  'test/faults/stopped.test.ts',
];

buildIfStale(root);
await runSource(join(root, 'test', 'soak', 'main.ts'), 'soak', process.argv.slice(2));
const seed = String(Math.floor(Math.random() * 1_000_000));
const rounds = String(Math.max(1, Math.ceil(Number(minutes) * ROUNDS)));
console.log(`\nfaults: ${rounds} rounds of damage with TENSORCELL_FUZZ_SEED=${seed}`);
const { pass, fail, code } = await runTests(FAULTS, {
  env: { TENSORCELL_FUZZ: rounds, TENSORCELL_FUZZ_SEED: seed },
});
console.log(`faults: ${pass} passed, ${fail} failed`);
if (code !== 0) process.exitCode = 1;
