import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textOf } from './client.ts';
import type { Figure } from './cases.ts';
import type { RunningKernel } from './kernels.ts';

/**
 * A loop of additions over a top-level `let`, in nanoseconds an addition: local to its cell, captured by a function
 * that is also called, and declared by an earlier cell; and a loop in a function over a constant and a function of the
 * top level, also after their cell was edited. Next to each the same text as one module.
 */
interface Loop {
  name: string;
  /** Run in this order, each a cell; joined, the module to compare with. */
  cells: readonly string[];
  /** Cells that ran before, with other values. */
  earlier?: readonly string[];
}

const timing = (body: string, count: number): string =>
  `const started$ = performance.now();\n${body}\nconsole.log('ns', (performance.now() - started$) * 1e6 / ${count});`;

function loops(count: number): Loop[] {
  const add = (name: string): string =>
    timing(`for (let i = 0; i < ${count}; i++) { ${name} += i * 0.5; }`, count);
  /** Warm first: what is measured is the loop and not its compilation. */
  const hot = (name: string, declared = `const ${name} = 0.5;`): string[] => [
    declared,
    `const half${name} = (x) => x * ${name};\n` +
      `const run${name} = (n) => { let s = 0; for (let i = 0; i < n; i++) s += half${name}(i) + ${name}; return s; };\n` +
      `run${name}(1e5); run${name}(1e5);`,
    timing(`run${name}(${count});`, count).replaceAll('started$', `started${name}`),
  ];
  /** A function that is called in a function's loop. */
  const called = (name: string, declared: string): string[] => [
    declared,
    `const run${name} = (n) => { let s = 0; for (let i = 0; i < n; i++) s += ${name}(i); return s; };\n` +
      `run${name}(1e5); run${name}(1e5);`,
    timing(`run${name}(${count});`, count).replaceAll('started$', `started${name}`),
  ];
  const imported = (name: string, factor: number): string =>
    `import { half as ${name} } from ${JSON.stringify(moduleOf(factor))};`;
  return [
    { name: 'loop, local to the cell', cells: [`let a$ = 0.5;\n${add('a$')}`] },
    {
      name: 'loop, captured by a function',
      cells: [`let b$ = 0.5;\nfunction read$() { return b$; }\n${add('b$')}\nread$();`],
    },
    { name: 'loop, of an earlier cell', cells: ['let c$ = 0.5;', add('c$')] },
    { name: 'loop, constant in a function', cells: hot('d$') },
    { name: 'loop, constant of an edited cell', cells: hot('e$'), earlier: ['const e$ = 0.25;'] },
    {
      name: 'loop, integer of an edited cell',
      cells: hot('f$', 'const f$ = 2;'),
      earlier: ['const f$ = 1;'],
    },
    { name: 'loop, let in a function', cells: hot('g$', 'let g$ = 0.5;') },
    { name: 'loop, imported function', cells: called('h$', imported('h$', 0.5)) },
    {
      name: 'loop, imported function of an edited cell',
      cells: called('i$', imported('i$', 0.5)),
      earlier: [imported('i$', 0.25)],
    },
    {
      name: 'loop, function of an edited cell',
      cells: called('j$', 'function j$(x) { return x * 0.5; }'),
      earlier: ['function j$(x) { return x * 0.25; }'],
    },
  ];
}

/** A module that exports `half`: a multiplication by `factor`. */
function moduleOf(factor: number): string {
  const file = join(tmpdir(), `tensorcell-loop-${process.pid}-${factor}.mjs`);
  if (!existsSync(file)) {
    writeFileSync(file, `export const half = (x) => x * ${factor};\n`);
    process.once('exit', () => rmSync(file, { force: true }));
  }
  return file;
}

const nanoseconds = (text: string): number => Number(/ns ([\d.e-]+)/.exec(text)?.[1] ?? Number.NaN);

/** tslab is slower by hundreds: it gets fewer rounds. */
const counts: Record<string, number> = { tslab: 1e6 };

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
  for (const cell of [...(loop?.earlier ?? []), ...(loop?.cells ?? [])]) {
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
