// Writes docs/operations.md: node test/tensorflow/operations/make-page.mjs
import { join } from 'node:path';
import { runSource } from '../../../scripts/bundle-source.mjs';

await runSource(join(import.meta.dirname, 'write-page.ts'), 'write-operations-page', []);
