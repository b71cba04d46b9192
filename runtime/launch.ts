/** Entry of the runtime process. */
import { join } from 'node:path';
import { runBundle } from '../kernel/processes/code-cache.ts';

// Programs of users see neither this file nor that it is CommonJS: `require.main` is the notebook.
Reflect.set(process, 'mainModule', undefined);
delete require.cache[__filename];
runBundle(join(__dirname, 'runtime-code.cjs'), require, (specifier) => import(specifier));
