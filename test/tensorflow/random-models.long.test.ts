// The same with 200 models.
import { env } from 'node:process';

env['TENSORCELL_RANDOM_MODELS'] = '200';
await import('./random-models.test.ts');
