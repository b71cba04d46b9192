// The same with PyTorch on every row.
import { env } from 'node:process';

env['TENSORCELL_BENCH_ROWS'] = 'every';
await import('./bench-peers.test.ts');
