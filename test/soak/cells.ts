import { strict as assert } from 'node:assert';
import type { JupyterClient } from '../kernel/jupyter-client.ts';

/** Cells of a session that goes on for long: names come, are used by later cells, and are declared again. */
const cells: ((n: number) => [code: string, result: string | undefined])[] = [
  (n) => [`let total${n % 20} = ${n}`, undefined],
  (n) => [`total${n % 20} += 1; total${n % 20}`, String(n + 1)],
  (n) => [
    `function twice${n % 20}(x: number): number { return 2 * x + total${n % 20} - total${n % 20} }`,
    undefined,
  ],
  (n) => [`twice${n % 20}(${n})`, String(2 * n)],
  (n) => [`for (let i = 0; i < 100; i++) total${n % 20} += i\ntotal${n % 20}`, String(n + 1 + 4950)],
  (n) => [`enum Kind${n % 20} { A = ${n}, B }\nKind${n % 20}.B`, String(n + 1)],
  (n) => [`import { basename as name${n % 20} } from 'node:path'\nname${n % 20}('/a/b${n}')`, `'b${n}'`],
  (n) => [`const waited${n % 20} = await Promise.resolve(${n})\nwaited${n % 20}`, String(n)],
  (n) => [`const big${n % 20} = new Array(1e5).fill(${n})\nbig${n % 20}.length`, '100000'],
  (n) => [`throw new Error('${n}')`, undefined],
];

/**
 * Runs some hundred cells and checks every result.
 *
 * @returns how long each took, ms.
 */
export async function cellsOfASession(client: JupyterClient, round: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const n = round * 20 + i;
    for (const make of cells) {
      const [code, result] = make(n);
      const start = performance.now();
      const cell = await client.cell(code, { stop_on_error: false });
      times.push(performance.now() - start);
      if (code.startsWith('throw')) assert.equal(cell.reply['evalue'], String(n));
      else assert.deepEqual([code, cell.reply['status'], cell.result], [code, 'ok', result]);
    }
  }
  return times;
}
