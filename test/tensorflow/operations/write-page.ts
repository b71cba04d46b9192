import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { loadTf } from '../../../src/api/tensorflow.ts';
import { operationCases, operationPage, runOperation, type Ran } from './page.ts';

const tf = loadTf();
const ran: Ran[] = [];
for (const one of operationCases()) {
  const result = await runOperation(tf, one);
  if (result.problem !== undefined) console.error(`${one.op}: ${result.problem}`);
  ran.push(result);
}
const file = join(import.meta.dirname, '..', '..', '..', 'docs', 'operations.md');
writeFileSync(file, (await format(file, operationPage(tf, ran))).code);
