// Writes docs/gradients.md: node test/tensorflow/gradients/make-table.mjs
import { join } from 'node:path';
import { runSource } from '../../../scripts/bundle-source.mjs';

await runSource(join(import.meta.dirname, 'write-table.ts'), 'write-gradient-table', []);
