/**
 * Everything that shares a variable's value, when the variable is assigned and then updated in place by a compiled step.
 * Each combination is compared with the eager result. All values are read at the end: reading in between gives a value a
 * tensor, which hides what goes wrong.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { LayersModel, Optimizer, Rank, Tensor, Variable } from '@tensorflow/tfjs';
import { mapPath } from '../../src/base/memory/mapping.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { compile, loadTf, onBackendNotice, type Compiled } from '../../src/api/tensorflow.ts';
import { tensorOverMapping } from '../../src/tfjs/memory-tensors.ts';
import { EarlyStopping } from '../../src/training/index.ts';
import { assertClose } from './close-tensors.ts';
import { loopAutotuners } from '../../src/compile/execution/loop-autotuner.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));
/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-shared-buffers-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const mapped = join(folder, 'numbers');
writeFileSync(mapped, new Float32Array([0.75, -0.5]));

interface Slot {
  variable: Variable;
}

/** A model and what else a combination works on; one for eager runs and one for compiled ones. */
interface World {
  model: LayersModel;
  kernel: Variable;
  bias: Variable;
  slots: () => Variable[];
  assigning: Compiled<(x: Tensor) => Tensor>;
  minimizing: Compiled<() => Tensor>;
}

const x = tf.tensor2d([1, 2, -1, 0.5, 0.25, -2, 3, 1, 0, 1, -1, -1, 2, 2, 0.5, 0], [8, 2]);
const y = tf.tensor2d([1, 0, 2, -1, 0.5, 1, -2, 3], [8, 1]);
const initial = [tf.tensor2d([0.5, -0.25], [2, 1]), tf.tensor1d([0.125])];
const elsewhere = [tf.tensor2d([8, 9], [2, 1]), tf.tensor1d([-7])];

const slotsOf = (optimizer: Optimizer) =>
  ((optimizer as unknown as { accumulations?: Slot[] }).accumulations ?? []).map(({ variable }) => variable);

function makeWorld(): World {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'meanSquaredError' });
  const [kernel, bias] = model.weights.map((weight) => weight.read() as unknown as Variable);
  const trained = [kernel, bias] as Variable[];
  const optimizer = tf.train.momentum(0.02, 0.5);
  return {
    model,
    kernel: kernel as Variable,
    bias: bias as Variable,
    slots: () => [...slotsOf(model.optimizer), ...slotsOf(optimizer)],
    assigning: compile((by: Tensor) => {
      for (const variable of trained) variable.assign(variable.mul(by).add(0.25));
      return trained[0]!.sum();
    }),
    minimizing: compile(() =>
      optimizer.minimize(() => x.matMul(trained[0]!).add(trained[1]!).sub(y).square().mean(), true, trained),
    ) as World['minimizing'],
  };
}

/** The steps that update the variables, or only read them. */
const updates: Record<string, (world: World) => Promise<unknown>> = {
  // Of so many steps that calls of several steps run them, on another thread.
  fit: ({ model }) => model.fit(x, y, { batchSize: 1, epochs: 2, shuffle: false, verbose: QUIET }),
  'fit with a callback after each batch': ({ model }) =>
    model.fit(x, y, {
      batchSize: 4,
      epochs: 1,
      shuffle: false,
      verbose: QUIET,
      callbacks: { onBatchEnd: () => undefined },
    }),
  fitDataset: ({ model }) =>
    model.fitDataset(
      tf.data
        .array([0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6])
        .map((at) => ({ xs: x.slice(at as number, 2), ys: y.slice(at as number, 2) })),
      {
        epochs: 1,
        verbose: QUIET,
      },
    ),
  trainOnBatch: async ({ model }) => {
    for (let i = 0; i < 2; i++) await model.trainOnBatch(x, y);
  },
  'predict and evaluate': async ({ model }) => {
    tf.dispose([model.predict(x), model.evaluate(x, y)]);
  },
  'a compiled function that assigns': async ({ assigning }) => {
    for (const by of [0.5, -1.5]) {
      const scalar = tf.scalar(by);
      tf.dispose([assigning(scalar), scalar]);
    }
  },
  'a compiled function that minimizes': async ({ minimizing }) => {
    for (let i = 0; i < 2; i++) minimizing().dispose();
  },
};

/** Tensors that share the value of a variable. */
const shares: Record<string, (variable: Variable) => Tensor> = {
  clone: (variable) => variable.clone(),
  'clone of a clone': (variable) => tf.tidy(() => variable.clone().clone()),
  'reshape to the same': (variable) => variable.reshape(variable.shape),
  reshape: (variable) => variable.reshape([1, -1]),
  flatten: (variable) => variable.flatten(),
  expandDims: (variable) => variable.expandDims(0),
  squeeze: (variable) => variable.squeeze(),
  'slice of all': (variable) => variable.slice(0),
  'cast to the same dtype': (variable) => variable.cast('float32'),
  toFloat: (variable) => variable.toFloat(),
  'transpose that changes nothing': (variable) => variable.transpose(variable.shape.map((_, i) => i)),
  'tile of one': (variable) => variable.tile(variable.shape.map(() => 1)),
  'concat of one': (variable) => tf.concat([variable]),
  'split into one': (variable) => tf.split(variable, 1)[0] as Tensor,
  'broadcast to the same': (variable) => tf.broadcastTo(variable, variable.shape),
  'padding of nothing': (variable) =>
    tf.pad(
      variable,
      variable.shape.map(() => [0, 0] as [number, number]),
    ),
  addN: (variable) => tf.addN([variable]),
  'custom gradient': (variable) =>
    tf.customGrad((a) => ({ value: (a as Tensor).clone(), gradFunc: (dy: Tensor) => dy }))(variable),
  'unstack of one': (variable) => tf.unstack(variable.expandDims(0))[0] as Tensor,
  'stack and unstack': (variable) => tf.unstack(tf.stack([variable, variable]))[1] as Tensor,
  'stridedSlice of all': (variable) =>
    tf.stridedSlice(
      variable,
      variable.shape.map(() => 0),
      variable.shape,
    ),
  'gather of all': (variable) => tf.gather(variable, tf.range(0, variable.shape[0], 1, 'int32')),
  'reverse of no axis': (variable) => tf.reverse(variable, []),
  'sum over no axis': (variable) => tf.sum(variable, []),
  'max over no axis': (variable) => tf.max(variable, []),
  'mean over an axis of one': (variable) => tf.mean(variable.expandDims(0), 0),
  'add of 0': (variable) => tf.add(variable, 0),
  'mul by 1': (variable) => tf.mul(variable, 1),
  'maximum of itself': (variable) => tf.maximum(variable, variable),
  'where of itself': (variable) => tf.where(tf.onesLike(variable).toBool(), variable, variable),
  'clipByValue of all': (variable) => tf.clipByValue(variable, -Infinity, Infinity),
  'dropout of nothing': (variable) => tf.dropout(variable, 0),
  'einsum of the same': (variable) => tf.einsum(variable.rank === 2 ? 'ij->ij' : 'i->i', variable),
  'space to depth of one': (variable) =>
    tf.spaceToBatchND(variable.flatten().reshape([1, -1, 1]), [1], [[0, 0]]).reshape(variable.shape),
  'resize to the same': (variable) =>
    tf.image.resizeNearestNeighbor(variable.reshape<Tensor<Rank.R4>>([1, -1, 1, 1]), [variable.size, 1]),
  'average pool of one': (variable) =>
    tf.avgPool(variable.reshape<Tensor<Rank.R4>>([1, -1, 1, 1]), 1, 1, 'valid'),
  'in a tidy, kept': (variable) => tf.tidy(() => tf.keep(variable.clone())),
  'in a tidy, given back': (variable) =>
    tf.tidy(() => tf.tidy(() => variable.reshape([-1])).reshape(variable.shape)),
  variable: (variable) => tf.variable(variable, false),
  'variable that was assigned it': (variable) => {
    const other = tf.variable(tf.zeros(variable.shape), false);
    other.assign(variable);
    return other;
  },
};

const nothing = async () => [] as Tensor[];

/** Assigns what was held: the tensor itself where its shape allows. */
function giveBack(variable: Variable, held: Tensor): void {
  if (held.shape.join() === variable.shape.join()) {
    variable.assign(held);
    return;
  }
  const shaped = held.reshape(variable.shape);
  variable.assign(shaped);
  shaped.dispose();
}

/** How the variables are assigned from outside; each gives tensors that the user still has. */
const assignments: Record<string, (world: World, held: Tensor) => Promise<Tensor[]>> = {
  'not at all': nothing,
  setWeights: async ({ model }) => {
    model.setWeights(elsewhere);
    return [];
  },
  'setWeights of tensors over the same memory': async ({ model }) => {
    const both = tf.tensor1d([4, 5, 6]).mul(2);
    const parts = [both.slice(0, 2).reshape([2, 1]), both.slice(2).reshape([1])];
    model.setWeights(parts);
    return [both, ...parts];
  },
  assign: async ({ kernel, bias }) => {
    const made = tf.tidy(() => elsewhere.map((tensor) => tensor.mul(0.5)));
    kernel.assign(made[0] as Tensor);
    bias.assign(made[1] as Tensor);
    return made;
  },
  'assign of a tensor that is disposed at once': async ({ kernel }) => {
    const made = tf.ones([2, 1]);
    kernel.assign(made);
    made.dispose();
    return [];
  },
  'assign of itself': async ({ kernel }) => {
    kernel.assign(kernel);
    return [];
  },
  'assign of its clone': async ({ kernel }) => {
    const clone = kernel.clone();
    kernel.assign(clone);
    return [clone];
  },
  'layer.setWeights': async ({ model }) => {
    model.layers[0]!.setWeights(elsewhere);
    return [];
  },
  loadWeights: async ({ model }) => {
    const named = Object.fromEntries(
      model.weights.map(({ name }, i) => [name, (elsewhere[i] as Tensor).add(1)]),
    );
    model.loadWeights(named);
    return Object.values(named);
  },
  'callback during fit': async ({ model }) => {
    const clones: Tensor[] = [];
    await model.fit(x, y, {
      batchSize: 1,
      epochs: 3,
      shuffle: false,
      verbose: QUIET,
      callbacks: {
        onEpochEnd: (epoch) => {
          clones.push(...model.getWeights().map((weight) => weight.clone()));
          if (epoch === 1) model.setWeights(clones.slice(0, 2));
        },
      },
    });
    return clones;
  },
  'callback after a batch': async ({ model, kernel }) => {
    const clones: Tensor[] = [];
    await model.fit(x, y, {
      batchSize: 2,
      epochs: 1,
      shuffle: false,
      verbose: QUIET,
      callbacks: {
        onBatchEnd: (batch) => {
          if (batch === 0) clones.push(kernel.clone());
          if (batch === 1) kernel.assign(elsewhere[0] as Tensor);
          if (batch === 2) kernel.assign(clones[0] as Tensor);
        },
      },
    });
    return clones;
  },
  restoreBestWeights: async ({ model }) => {
    await model.fit(x, y, {
      batchSize: 4,
      epochs: 6,
      shuffle: false,
      verbose: QUIET,
      // The loss only goes down: the first epoch counts as the best one.
      callbacks: new EarlyStopping({ monitor: 'loss', mode: 'max', patience: 2, restoreBestWeights: true }),
    });
    return [];
  },
  'moving average': async ({ kernel }) => {
    const average = tf.variable(kernel, false);
    for (let i = 0; i < 2; i++) {
      tf.tidy(() => {
        average.assign(average.mul(0.5).add(kernel.mul(0.5)));
        kernel.assign(average);
      });
    }
    return [average];
  },
  'another variable, which is assigned it back': async ({ kernel }) => {
    const other = tf.variable<Rank>(tf.tensor2d([3, 3], [2, 1]), false);
    const before = kernel.clone();
    kernel.assign(other);
    other.assign(before);
    before.dispose();
    return [other];
  },
  'a read-only mapping of a file': async ({ kernel }) => {
    const tensor = tensorOverMapping(mapPath(mapped, 8, 'reading', mapped), 'float32', [2, 1]) as Tensor;
    kernel.assign(tensor);
    return [tensor];
  },
  'the held value itself': async ({ kernel }, held) => {
    giveBack(kernel, held);
    return [];
  },
};

/** Puts a world back to where each combination begins; nothing of the one before is seen. */
function reset({ model, slots }: World): void {
  model.setWeights(initial);
  tf.tidy(() => {
    for (const slot of slots()) slot.assign(tf.zerosLike(slot));
  });
}

interface Outcome {
  held: number[][];
  others: number[][];
}

/** One combination, with everything read at its end. */
async function run(
  mode: 'on' | 'off',
  world: World,
  share: readonly ((variable: Variable) => Tensor)[],
  assign: (typeof assignments)[string],
  update: (world: World) => Promise<unknown>,
): Promise<Outcome> {
  process.env['TENSORCELL_COMPILE'] = mode;
  const { model, kernel } = world;
  reset(world);
  await update(world);
  const held = share.map((take) => take(kernel));
  const made = await assign(world, held[0] as Tensor);
  await update(world);
  // As a user restores the best weights: what was held goes back, and is trained again.
  giveBack(kernel, held[0] as Tensor);
  await update(world);
  const read = (tensors: readonly Tensor[]) => tensors.map((tensor) => Array.from(tensor.dataSync()));
  const prediction = model.predict(x) as Tensor;
  const outcome = {
    held: read(held),
    others: read([...made, ...model.getWeights(), ...world.slots(), prediction]),
  };
  tf.dispose([held, made, prediction]);
  return outcome;
}

const worlds = { eager: makeWorld(), compiled: makeWorld() };

/** Each way to share, for one way to assign and one step. */
async function compare(assignment: string, step: string, names: readonly string[]): Promise<void> {
  const assign = assignments[assignment]!;
  const update = updates[step]!;
  const takes = names.map((name) => shares[name]!);
  const eager = await run('off', worlds.eager, takes, assign, update);
  for (const [i, name] of names.entries()) {
    const compiled = await run('on', worlds.compiled, [takes[i]!], assign, update);
    const what = `${name}; ${assignment}; ${step}`;
    assertClose(compiled.held, [eager.held[i]!], `held by ${what}`);
    assertClose(compiled.others, eager.others, what);
  }
}

/** A value that is shared by tfjs, by TensorFlow, and by another variable. */
const KINDS = ['clone', 'reshape', 'variable'];
const ASSIGNMENTS = [
  'setWeights',
  'assign',
  'callback during fit',
  'moving average',
  'the held value itself',
];

/** Everything with the step that takes the shortest time; what takes longer has fewer combinations. */
const combinations: Record<string, { names: readonly string[]; ways: readonly string[] }> = {
  trainOnBatch: { names: Object.keys(shares), ways: Object.keys(assignments) },
  fit: { names: ['clone', 'variable'], ways: Object.keys(assignments) },
  fitDataset: { names: ['clone'], ways: ASSIGNMENTS },
};

for (const step of Object.keys(updates)) {
  const { names, ways } = combinations[step] ?? { names: KINDS, ways: Object.keys(assignments) };
  test(`values that are shared, assigned and updated in place are as eagerly: ${step}`, async () => {
    for (const assignment of ways) await compare(assignment, step, names);
    assert.deepEqual(notices, []);
  });
}

test('the steps above ran compiled, and several in one call', () => {
  const steps = trainingSteps(worlds.compiled.model)?.steps() ?? [];
  assert.ok(steps.some((step) => stepLoops.all(step).size > 0));
  assert.ok(worlds.compiled.assigning.traces > 0 && worlds.compiled.minimizing.traces > 0);
});

test('a value that is shared keeps its value while XLA updates the variable', async () => {
  process.env['TENSORCELL_XLA'] = 'on';
  try {
    // On a machine that is busy XLA's loop may seem to be compiled anew for each call, and is not taken then.
    let ran: (string | undefined)[] = [];
    for (let attempt = 0; attempt < 3 && !ran.includes('xla'); attempt++) {
      Object.assign(worlds, { eager: makeWorld(), compiled: makeWorld() });
      for (const assignment of ['not at all', 'setWeights', 'assign', 'the held value itself']) {
        await compare(assignment, 'fit', ['clone', 'variable']);
      }
      ran = (trainingSteps(worlds.compiled.model)?.steps() ?? []).flatMap((step) =>
        [...loopAutotuners.all(step).values()].map(({ chosen }) => chosen),
      );
    }
    assert.ok(ran.includes('xla'), `what ran: ${ran.join()}`);
  } finally {
    delete process.env['TENSORCELL_XLA'];
  }
});
