/** No tutorial shows a type error that it does not talk about. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSession } from './session.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

for (const name of readdirSync(join(root, 'notebooks')).filter((file) => file.endsWith('.ipynb'))) {
  test(name, async () => {
    const session = openSession();
    session.service.setDirectory(join(root, 'notebooks'));
    try {
      const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', name), 'utf8')) as {
        cells: { cell_type: string; source: string | string[]; metadata: { tags?: string[] } }[];
      };
      const found: string[] = [];
      for (const { cell_type, source, metadata } of cells) {
        if (cell_type !== 'code' || metadata.tags?.includes('type-error')) continue;
        const text = Array.isArray(source) ? source.join('') : source;
        // A value from a Python cell has the type of that value, which is unknown here.
        const out = /^%%python\b.*--out[ =](\S+)/.exec(text)?.[1]?.split(',');
        const typescript = out === undefined ? text : out.map((each) => `let ${each}: any;`).join(' ');
        const problems = await session.cell(typescript);
        if (problems.length > 0) found.push(`${text.split('\n')[0]} …\n  ${problems.join('\n  ')}`);
      }
      assert.deepEqual(found, []);
    } finally {
      await session.close();
    }
  });
}
