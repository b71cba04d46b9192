/** Entry of the kernel process: `node dist/kernel.cjs PATH`. */
import { join } from 'node:path';
import { runBundle } from './processes/code-cache.ts';

// Until the bundle listens for them: Jupyter and terminals send SIGINT to the whole group, and it must never end the process.
const ignore = (): void => undefined;
process.on('SIGINT', ignore);
runBundle(join(__dirname, 'kernel-code.cjs'), require, (specifier) => import(specifier));
process.off('SIGINT', ignore);
