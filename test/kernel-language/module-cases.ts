/** Cases of modules for one kernel: checked by the type check and by the run. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

export interface ModuleCase {
  name: string;
  /** Path below the case's folder -> text. */
  files?: Record<string, string>;
  /** compilerOptions of its tsconfig.json. */
  options?: Record<string, unknown>;
  /** All but the last have to end well. */
  cells: string[];
  /** The result of the last one. */
  result?: string;
  /** How the last one fails. */
  error?: RegExp;
  /** Text that its error must not have. */
  without?: RegExp;
  /** The type errors of the last cell; none when left out. */
  types?: RegExp;
}

/** In two parts, since the runner of these tests gives `import.meta` of this file. */
export const META = ['import', 'meta'].join('.');

export function moduleCases(title: string, cases: readonly ModuleCase[]): void {
  test(title, async (context) => {
    await withKernel(
      async (client, kernel) => {
        // Those with the same tsconfig.json share a folder: a new one makes the type check begin anew.
        const configs = cases.map(({ options, files }) =>
          JSON.stringify(options ?? files?.['tsconfig.json']),
        );
        const folders = configs.map((config) => `case${configs.indexOf(config)}`);
        const order = [...cases.entries()].toSorted(
          ([a], [b]) => folders[a]!.localeCompare(folders[b]!) || a - b,
        );
        let current = '';
        for (const [index, one] of order) {
          const folder = folders[index]!;
          if (folder !== current) {
            mkdirSync(join(kernel.folder, folder), { recursive: true });
            await client.cell(`%cd ${join(kernel.folder, folder)}`);
          }
          current = folder;
          await context.test(one.name, () => runCase(client, one, join(kernel.folder, folder)));
        }
      },
      { environment: { TENSORCELL_HEADLESS: '1' } },
    );
  });
}

async function runCase(client: JupyterClient, one: ModuleCase, folder: string): Promise<void> {
  const files = { ...one.files };
  if (one.options) files['tsconfig.json'] ??= JSON.stringify({ compilerOptions: one.options });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  for (const source of one.cells.slice(0, -1)) {
    const cell = await client.cell(source);
    assert.deepEqual([cell.reply['status'], cell.reply['evalue']], ['ok', undefined], source);
  }
  const last = await client.cell(one.cells.at(-1)!);
  const types = stripVTControlCharacters(last.stderr);
  if (one.types) assert.match(types, one.types);
  else assert.equal(types, '');
  const traceback = stripVTControlCharacters(((last.reply['traceback'] as string[]) ?? []).join('\n'));
  if (one.error) {
    assert.match(traceback, one.error);
    if (one.without) assert.doesNotMatch(traceback, one.without);
  } else assert.deepEqual([traceback, last.result], ['', one.result]);
}
