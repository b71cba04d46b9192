/**
 * tfjs-node as a peer of the benchmark of ops, on the addon that is given:
 *
 *   node peer-ops.mjs PATH/tfjs_binding.node
 *
 * Each line of JSON, `{ name, ms }`, is answered by `{ us }`.
 */
import { createInterface } from 'node:readline';
import { tfjsOnAddon } from '../tfjs-node.ts';
import { measure, opCases } from './cases.ts';

const { tf, about } = await tfjsOnAddon(process.argv[2] ?? '');
const cases = opCases(tf);
console.log(JSON.stringify({ about }));
for await (const line of createInterface({ input: process.stdin })) {
  const { name, ms } = JSON.parse(line) as { name: string; ms: number };
  const found = cases.find((one) => one.name === name);
  console.log(JSON.stringify(found === undefined ? {} : { us: measure(tf, found, ms) }));
}
