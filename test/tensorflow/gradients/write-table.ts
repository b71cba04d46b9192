import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { loadTf } from '../../../src/api/tensorflow.ts';
import { cases } from './cases.ts';
import { judgeWithGoldens } from './judge.ts';
import { gradientPage } from './table.ts';

const tf = loadTf();
const file = join(import.meta.dirname, '..', '..', '..', 'docs', 'gradients.md');
const text = gradientPage(
  tf,
  cases.map((one) => ({ one, ...judgeWithGoldens(tf, one) })),
);
writeFileSync(file, (await format(file, text)).code);
