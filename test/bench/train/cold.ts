import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { traceable, type Tf } from '../../../src/api/tensorflow.ts';
import { figure, median } from '../statistics.ts';
import { networkOf, type Row } from './models.ts';
import { Peer } from './peer.ts';
import type { Column } from './peers.ts';
import { drawWeights, writeWeights } from './weights.ts';

/** Steps of the trainings that are timed from the building of the network on. */
export const COLD_STEPS = [100, 1000, 10_000] as const;

/** The measurements of one training. */
export interface ColdOutcome {
  /** Median seconds, by contestant: of the first network of a process, and of one that is built again. */
  first: Map<string, number>;
  again: Map<string, number>;
  failures: string[];
}

/** This library as a contestant: a program that is bundled into `folder`. */
export async function ourselvesCold(root: string, folder: string): Promise<Column | string> {
  // Loaded as it stands: a bundle of what bundles would be mistaken about its own place.
  const bundling = (await import(pathToFileURL(join(root, 'scripts', 'bundle-source.mjs')).href)) as {
    bundleSource(entries: Record<string, string>, to: string): Promise<void>;
  };
  const source = join(root, 'test', 'bench', 'train', 'peer-tensorcell.ts');
  await bundling.bundleSource({ 'peer-tensorcell': source }, folder);
  const peer = await Peer.start(process.execPath, [
    '--enable-source-maps',
    join(folder, 'peer-tensorcell.mjs'),
  ]);
  return typeof peer === 'string' ? peer : { name: 'we', peer, variant: '', manySteps: true };
}

/**
 * Times `steps` steps of a row from the building of the network on, in a new process for each contestant and round: its
 * libraries are loaded and its data is made before.
 */
export async function cold(
  tf: Tf,
  row: Row,
  steps: number,
  contestants: readonly Column[],
  rounds: number,
): Promise<ColdOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-bench-'));
  const weights = join(folder, 'weights.safetensors');
  const model = row.build(tf, traceable);
  writeWeights(weights, drawWeights(model));
  model.dispose();
  const short = { ...row, steps: Math.min(row.steps, steps) };
  const epochs = Math.ceil(steps / short.steps);
  const outcome: ColdOutcome = { first: new Map(), again: new Map(), failures: [] };
  const taken = new Map(
    contestants.map(({ name }) => [name, { first: [] as number[], again: [] as number[] }]),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (const { name, peer, variant } of contestants) {
        const times = taken.get(name);
        if (times === undefined) continue;
        peer.stop();
        // The start of the process does not belong to the training.
        await peer.ask({ ask: 'forget', count: 0 });
        for (const which of ['first', 'again'] as const) {
          const asked = {
            ...networkOf(short, variant, weights),
            cold: true,
            ask: 'cold' as const,
            count: epochs,
          };
          const { ms, failed } = await peer.ask(asked);
          if (ms === undefined) {
            outcome.failures.push(`${name} failed: ${failed ?? 'no time'}`);
            taken.delete(name);
            break;
          }
          times[which].push(ms / 1000);
        }
        peer.stop();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const [name, { first, again }] of taken) {
    outcome.first.set(name, median(first));
    outcome.again.set(name, median(again));
  }
  return outcome;
}

/** The fastest of the others by name, and its time as a multiple of Tensorcell's. */
export function fastestOther(times: ReadonlyMap<string, number>): [string, string] {
  const us = times.get('we') ?? Number.NaN;
  const [first] = [...times]
    .filter(([name]) => name !== 'we')
    .map(([name, seconds]) => ({ name, ratio: seconds / us }))
    .filter(({ ratio }) => Number.isFinite(ratio))
    .sort((a, b) => a.ratio - b.ratio);
  return first === undefined ? ['-', '-'] : [first.name, figure(first.ratio)];
}
