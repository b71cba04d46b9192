import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textOf } from './client.ts';
import type { Figure } from './cases.ts';
import type { RunningKernel } from './kernels.ts';

/**
 * A loop of additions over a top-level `let`, in nanoseconds an addition: local to its cell, captured by a function
 * that is also called, and declared by an earlier cell. Beside each the same text as one module.
 */
interface Loop {
  name: string;
  /** Run in this order, each a cell; joined, the module to compare with. */
  cells: readonly string[];
}

const timing = (body: string, count: number): string =>
  `const started$ = performance.now();\n${body}\nconsole.log('ns', (performance.now() - started$) * 1e6 / ${count});`;

function loops(count: number): Loop[] {
  const add = (name: string): string =>
    timing(`for (let i = 0; i < ${count}; i++) { ${name} += i * 0.5; }`, count);
  return [
    { name: 'loop, local to the cell', cells: [`let a$ = 0.5;\n${add('a$')}`] },
    {
      name: 'loop, captured by a function',
      cells: [`let b$ = 0.5;\nfunction read$() { return b$; }\n${add('b$')}\nread$();`],
    },
    { name: 'loop, of an earlier cell', cells: ['let c$ = 0.5;', add('c$')] },
  ];
}

const nanoseconds = (text: string): number => Number(/ns ([\d.e-]+)/.exec(text)?.[1] ?? Number.NaN);

/** tslab is slower by hundreds: it gets fewer rounds. */
export const counts: Record<string, number> = { tslab: 1e6 };

export const loopNames = loops(1).map((loop) => loop.name);

export async function measureLoop(
  kernel: RunningKernel,
  peer: string,
  name: string,
  round: number,
): Promise<Figure> {
  const loop = loops(counts[peer] ?? 3e7).find((one) => one.name === name);
  let text = '';
  const from = kernel.client.late.length;
  for (const cell of loop?.cells ?? []) {
    const exchange = await kernel.client.execute(cell.replaceAll('$', `${round}`), 60_000);
    if (exchange === undefined) return { failed: 'no idle' };
    if (exchange.reply['status'] !== 'ok') return { failed: textOf(exchange.reply['ename']) };
    // Deno prints after idle.
    await new Promise((done) => setTimeout(done, 300));
    text = [...exchange.output, ...kernel.client.late.slice(from)]
      .filter((message) => message.type === 'stream')
      .map((message) => textOf(message.content['text']))
      .join('');
  }
  const figure = nanoseconds(text);
  return Number.isNaN(figure) ? { failed: 'nothing printed' } : figure;
}

/** The same text as a module of this Node. */
export function measureModule(name: string): Figure {
  const loop = loops(3e7).find((one) => one.name === name);
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-loop-'));
  try {
    const file = join(folder, 'loop.mjs');
    writeFileSync(file, (loop?.cells ?? []).join('\n').replaceAll('$', '0'));
    const { stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    return nanoseconds(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
