// The same with 200 networks.
import { env } from 'node:process';

env['TENSORCELL_RANDOM_MODELS'] = '200';
await import('./random-networks.test.ts');
