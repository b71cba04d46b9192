import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Profile, Tf } from '../../../src/api/tensorflow.ts';
import { profile, traceable } from '../../../src/api/tensorflow.ts';
import { trainingSteps } from '../../../src/compile/loops/model-steps.ts';
import { loopAutotuners } from '../../../src/compile/execution/loop-autotuner.ts';
import { median } from '../statistics.ts';
import { disagreement, FIRST_STEPS } from './comparison.ts';
import { networkOf, type Row } from './models.ts';
import type { Column } from './peers.ts';
import { Trainer } from './trainer.ts';
import { drawWeights, writeWeights, type Weights } from './weights.ts';

/** How a row is held. */
export interface Rules {
  rounds: number;
  /** Whether we also train eagerly. */
  opByOp: boolean;
  /** The least training of each contestant in its turn: whole epochs. */
  sliceMs?: number;
  /**
   * How long we train before we are timed: graphs are traced meanwhile. Four times as long, if XLA compiles next to the
   * training and is not yet compared with the graph.
   */
  warmUpMs?: number;
}

/** Whose epoch takes longer has a turn in the first rounds only. */
const SLOW_EPOCH_MS = 3000;
const SLOW_ROUNDS = 2;

/** A contestant's place in a row. */
interface Place {
  /** Epochs in a turn. */
  epochs: number;
  slow: boolean;
  /** Milliseconds a step, turn for turn. */
  taken: number[];
}

/** One who trains: we in one of two ways, or a column of a peer. */
interface Contestant {
  name: string;
  /** Losses of the first steps. */
  begin(): Promise<number[]>;
  /** Milliseconds a step. */
  train(epochs: number): Promise<number>;
  warmUpMs: number;
  /** Whether all is compiled that will be. */
  settled(): boolean;
}

/** The results of a row. */
export interface Outcome {
  /** Median milliseconds a step, by contestant. */
  ms: Map<string, number>;
  /** Losses of the first steps, by contestant. */
  losses: Map<string, number[]>;
  /** The failures, a line each. */
  failures: string[];
  /** Whether our compiled steps were XLA's in the end. */
  xla: boolean;
  /** Of our compiled training, an epoch: where a peer was faster. */
  profile?: Profile;
}

/** Sets how our models train from here on. */
function compiling(mode: 'on' | 'off'): void {
  process.env['TENSORCELL_COMPILE'] = mode;
}

/** For each loop of a network's steps whether XLA runs it; undefined where that is open. */
function choices({ model }: Trainer): ('graph' | 'xla' | undefined)[] {
  const steps = trainingSteps(model)?.steps() ?? [];
  return steps.flatMap((step) => [...loopAutotuners.all(step).values()].map(({ chosen }) => chosen));
}

function ourselves(tf: Tf, row: Row, weights: Weights, mode: 'on' | 'off', warmUpMs: number) {
  const trainer = new Trainer(tf, row, traceable, weights);
  const contestant: Contestant = {
    name: mode === 'on' ? 'compiled' : 'eager',
    begin: () => {
      compiling(mode);
      return trainer.firstSteps(FIRST_STEPS);
    },
    train: async (epochs) => {
      compiling(mode);
      return (await trainer.train(epochs)).ms;
    },
    warmUpMs: mode === 'on' ? warmUpMs : 0,
    settled: () => mode === 'off' || !choices(trainer).includes(undefined),
  };
  return { trainer, contestant };
}

function peerOf({ name, peer, variant }: Column, row: Row, weights: string): Contestant {
  const network = networkOf(row, variant, weights);
  return {
    name,
    begin: async () => {
      const { losses, failed } = await peer.ask({ ...network, ask: 'begin', count: FIRST_STEPS });
      if (losses === undefined) throw new Error(failed ?? 'no losses');
      return losses;
    },
    train: async (epochs) => {
      const { ms, failed } = await peer.ask({ ...network, ask: 'train', count: epochs });
      if (ms === undefined) throw new Error(failed ?? 'no time');
      return ms;
    },
    warmUpMs: 0,
    settled: () => true,
  };
}

/** Begins, warms up, and finds how many epochs a slice takes. */
async function prepare(contestant: Contestant, row: Row, sliceMs: number): Promise<Place> {
  const epochMs = async (epochs = 1) => (await contestant.train(epochs)) * row.steps;
  let ms = await epochMs();
  if (ms < SLOW_EPOCH_MS) ms = await epochMs();
  const epochsOf = () => Math.max(1, Math.ceil(sliceMs / ms));
  const begin = performance.now();
  const under = (limit: number) => performance.now() - begin < limit;
  while (under(contestant.warmUpMs) || (!contestant.settled() && under(4 * contestant.warmUpMs))) {
    ms = await epochMs(epochsOf());
  }
  return { epochs: epochsOf(), slow: ms > SLOW_EPOCH_MS, taken: [] };
}

/**
 * Trains a row's network with every contestant from the same weights: first some steps whose losses must agree with
 * ours, then rounds in which all take turns. A contestant that fails is out of the row, with a line that gives the reason.
 */
export async function contest(
  tf: Tf,
  row: Row,
  columns: readonly Column[],
  { rounds, opByOp, sliceMs = 500, warmUpMs = 4000 }: Rules,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-bench-'));
  const file = join(folder, 'weights.safetensors');
  const model = row.build(tf, traceable);
  const weights = drawWeights(model);
  model.dispose();
  writeWeights(file, weights);
  const own = (['on', 'off'] as const)
    .filter((mode) => mode === 'on' || opByOp)
    .map((mode) => ourselves(tf, row, weights, mode, warmUpMs));
  const [compiled] = own;
  if (compiled === undefined) throw new Error('no result of ours to compare with');
  const all = [
    ...own.map(({ contestant }) => contestant),
    ...columns.map((column) => peerOf(column, row, file)),
  ];
  const outcome: Outcome = { ms: new Map(), losses: new Map(), failures: [], xla: false };
  const inTheRow = new Map<Contestant, Place>();
  const guard = async (contestant: Contestant, action: () => Promise<void>) => {
    try {
      await action();
    } catch (error) {
      inTheRow.delete(contestant);
      outcome.ms.delete(contestant.name);
      outcome.failures.push(`${contestant.name} failed: ${(error as Error).message}`);
    }
  };
  try {
    for (const contestant of all) {
      await guard(contestant, async () => {
        const losses = await contestant.begin();
        outcome.losses.set(contestant.name, losses);
        const wrong = disagreement(outcome.losses.get('compiled') ?? losses, losses);
        if (wrong !== undefined) throw new Error(`it trains a different network: ${wrong}`);
        inTheRow.set(contestant, await prepare(contestant, row, sliceMs));
      });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [contestant, { epochs, slow, taken }] of inTheRow) {
        if (slow && round >= SLOW_ROUNDS) continue;
        await guard(contestant, async () => {
          taken.push(await contestant.train(epochs));
          outcome.ms.set(contestant.name, median(taken));
        });
      }
    }
    outcome.xla = choices(compiled.trainer).includes('xla');
    const us = outcome.ms.get('compiled') ?? Number.NaN;
    if (columns.some(({ name }) => (outcome.ms.get(name) ?? Number.NaN) < us)) {
      compiling('on');
      outcome.profile = await profile(() => compiled.trainer.train(1));
    }
  } finally {
    for (const { trainer } of own) trainer.dispose();
    for (const peer of new Set(columns.map(({ peer: one }) => one))) await peer.forget();
    rmSync(folder, { recursive: true, force: true });
  }
  return outcome;
}
