// npm run soak [-- MINUTES]: an hour of output towards a reader that stalls; nothing is lost, memory stays flat.
import { buildIfStale } from './build-state.mjs';
import { root } from './setup.mjs';
import { runTests } from './run-tests.mjs';

const minutes = Number(process.argv[2] ?? 60);
if (!(minutes > 0)) {
  console.error(`usage: npm run soak [-- MINUTES], not ${process.argv[2]}`);
  process.exit(2);
}
buildIfStale(root);
const { code } = await runTests(['test/kernel/soak.long.test.ts'], {
  args: [`--test-timeout=${(minutes + 6) * 60_000}`],
  env: { TENSORCELL_SOAK_MINUTES: String(minutes) },
});
process.exit(code);
