import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Compares with a recorded text. `TENSORCELL_GOLDENS=write` records it; look at the difference before committing. */
export function assertGolden(name: string, text: string): void {
  const [stem, extension] = name.split(/\.(?=[^.]+$)/) as [string, string];
  const file = join(process.cwd(), 'test', 'machines', 'goldens', `${stem}.golden.${extension}`);
  if (process.env['TENSORCELL_GOLDENS'] === 'write') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  assert.ok(existsSync(file), `no golden ${file}: run with TENSORCELL_GOLDENS=write and look at it`);
  assert.equal(text, readFileSync(file, 'utf8'), `differs from ${file}`);
}
