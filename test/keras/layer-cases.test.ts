/** Each layer of Keras with each option, from Keras to here and back; make-layer-cases.py made the reference. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { tfInternals } from '../../src/tfjs/instance.ts';
import { loadModel, ModelFileError, progressMode, saveModel } from '../../src/training/index.ts';
import { writeHdf5 } from '../../src/training/model-files/hdf5.ts';
import type { StoredGroup } from '../../src/training/model-files/hdf5.ts';
import { zipParts } from '../../src/training/model-files/zip.ts';
import {
  difference,
  fill,
  inputsOf,
  loadCase,
  near,
  outputsOf,
  readGoldens,
  weightsOf,
  writtenDifference,
  type LayerCase,
} from './layer-cases.ts';
import { layerTable, plainTable, type Result } from './layer-table.ts';

const tf = loadTf();
progressMode('quiet');
const { cases, defaults, masking } = readGoldens(import.meta.dirname);

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-layers-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Classes of tfjs itself. */
const tfjsClasses = new Set(
  [...tfInternals(tf).builtIns].map((constructor) => (constructor as { className?: string }).className),
);

/** How each case went that was loaded so far. */
const results = new Map<LayerCase, Result>();
const REFUSAL = /^layer \w+\b.*(is not supported here|cannot be converted|is a LeakyReLU)/s;

/** The model of a case; undefined where it is refused as it has to be. @throws AssertionError for any other refusal */
function loaded(layerCase: LayerCase): Tf.LayersModel | undefined {
  let refused: string | undefined;
  try {
    return loadCase(tf, layerCase);
  } catch (error) {
    assert.ok(error instanceof ModelFileError, `${layerCase.name}: ${String(error)}`);
    assert.match(error.message, REFUSAL, layerCase.name);
    refused = error.message;
    return undefined;
  } finally {
    results.set(layerCase, { layerCase, refused });
  }
}

/** Runs `check` on each case that loads, and collects what it says. */
async function problemsOf(
  chosen: readonly LayerCase[],
  check: (model: Tf.LayersModel, layerCase: LayerCase) => string | undefined | Promise<string | undefined>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const layerCase of chosen) {
    tf.engine().startScope();
    try {
      const model = loaded(layerCase);
      const problem = model === undefined ? undefined : await check(model, layerCase);
      if (problem !== undefined) problems.push(`${layerCase.name}: ${problem}`);
    } catch (error) {
      problems.push(`${layerCase.name}: ${(error as Error).message}`);
    } finally {
      tf.engine().endScope();
    }
  }
  return problems;
}

test('a file of Keras computes here what it computes there, or is refused by layer and option', async (t) => {
  const equal = new Map<string, number>();
  const problems = await problemsOf(cases, (model, layerCase) => {
    equal.set(layerCase.group, (equal.get(layerCase.group) ?? 0) + 1);
    return difference(outputsOf(model, inputsOf(tf, layerCase)), layerCase.outputs);
  });
  assert.deepEqual(problems, []);
  const shared = cases.filter(({ group }) => tfjsClasses.has(group));
  const supported = shared.filter(({ group }) => equal.has(group)).length;
  const counted = [...equal].reduce((sum, [group, count]) => sum + (tfjsClasses.has(group) ? count : 0), 0);
  t.diagnostic(
    `${counted} of ${shared.length} cases of layers that tfjs has are equal (${((100 * counted) / shared.length).toFixed(1)} %), ${[...equal.values()].reduce((a, b) => a + b, 0)} of all ${cases.length}`,
  );
  assert.ok(supported > 1000, `${supported} cases are about layers that tfjs has`);
  assert.ok(counted >= 0.9 * shared.length);
});

test('masks go through the layers through which they go in Keras', async () => {
  const seen = new Set<string>();
  const bases = cases.filter(({ group, name }) => name === `${group}(defaults)`);
  const problems = await problemsOf(bases, (model, { group }) => {
    seen.add(group);
    const { supportsMasking } = model.getLayer('layer');
    // Where no id is hidden, an embedding has no mask in both.
    if (group === 'Embedding' || supportsMasking === masking[group]) return undefined;
    return `supportsMasking is ${supportsMasking}`;
  });
  assert.deepEqual(problems, []);
  assert.ok(seen.size > 80, [...seen].join());
});

test('the table in the documentation says what loads', () => {
  tf.engine().startScope();
  for (const layerCase of cases) if (!results.has(layerCase)) loaded(layerCase);
  tf.engine().endScope();
  const page = join(import.meta.dirname, '..', '..', 'docs', 'keras-files.md');
  const table = layerTable([...results.values()]);
  const text = readFileSync(page, 'utf8');
  if (process.env['TENSORCELL_WRITE_TABLE'] === '1') {
    writeFileSync(
      page,
      `${text.slice(0, text.indexOf('## Layers and options'))}## Layers and options\n\n${table.join('\n')}\n`,
    );
    return;
  }
  assert.deepEqual(
    plainTable(text),
    plainTable(table.join('\n')),
    'write it anew with TENSORCELL_WRITE_TABLE=1',
  );
});

test('a written configuration means the same to Keras as its own', async () => {
  const problems = await problemsOf(cases, async (model, layerCase) =>
    writtenDifference(model, layerCase, defaults),
  );
  assert.deepEqual(problems, []);
});

test('gradients of inputs and weights equal those of Keras', async () => {
  const chosen = cases.filter(({ gradients = [] }) => gradients.some((gradient) => gradient !== null));
  assert.ok(chosen.length > 150);
  const problems = await problemsOf(chosen, (model, layerCase) => {
    const inputs = inputsOf(tf, layerCase);
    const floats = inputs.filter(({ dtype }) => dtype === 'float32').map((input) => tf.variable(input));
    const given = inputs.map(
      (input) =>
        floats.find(
          ({ shape }, i) => floats[i] !== undefined && input.dtype === 'float32' && shape === input.shape,
        ) ?? input,
    );
    let next = 0;
    const fed = given.map((input) => (input.dtype === 'float32' ? (floats[next++] as Tf.Tensor) : input));
    const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Tf.Variable }).val);
    const { grads } = tf.variableGrads(() => {
      const outputs = model.apply(fed.length === 1 ? (fed[0] as Tf.Tensor) : fed) as Tf.Tensor | Tf.Tensor[];
      const sums = (Array.isArray(outputs) ? outputs : [outputs]).map((output, index) =>
        tf.sum(tf.mul(output, tf.tensor(fill(output.size, 50 + index), output.shape))),
      );
      return sums.reduce((sum, each) => tf.add(sum, each)) as Tf.Scalar;
    }, [...floats, ...weights]);
    for (const [index, variable] of [...floats, ...weights].entries()) {
      const expected = layerCase.gradients?.[index];
      if (expected === null || expected === undefined) continue;
      const gradient = grads[variable.name];
      if (gradient === undefined || gradient === null) return `no gradient ${index}`;
      const values = [...gradient.dataSync()];
      const salted = fill(values.length, 98);
      const sum = values.reduce((total, value, at) => total + value * (salted[at] as number), 0);
      if (!near(sum, expected, 1e-5 * Math.max(1, Math.sqrt(values.length))))
        return `gradient ${index}: ${sum}, not ${expected}`;
    }
    for (const variable of floats) variable.dispose();
    return undefined;
  });
  assert.deepEqual(problems, []);
});

/** A file as Keras writes it. */
async function writeCase(layerCase: LayerCase, path: string): Promise<void> {
  const groups = new Map<string, StoredGroup>();
  for (const [place, array] of weightsOf(layerCase)) {
    const at = place.lastIndexOf('/');
    const group = groups.get(place.slice(0, at)) ?? { arrays: [] };
    group.arrays[Number(place.slice(at + 1))] = array;
    groups.set(place.slice(0, at), group);
  }
  const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const parts = zipParts({
    'metadata.json': text({ keras_version: '3.15.1' }),
    'config.json': text(layerCase.config),
    'model.weights.h5': await writeHdf5(groups),
  });
  writeFileSync(path, Buffer.concat(parts));
}

test('files go through loadModel and saveModel', async () => {
  const groups = new Set<string>();
  for (const layerCase of cases) {
    const isModel = layerCase.group === 'models';
    if (!isModel && groups.has(layerCase.group)) continue;
    groups.add(layerCase.group);
    if (loaded(layerCase) === undefined) continue;
    const path = join(folder, 'case.keras');
    await writeCase(layerCase, path);
    await saveModel(await loadModel(path), path);
    const again = await loadModel(path);
    assert.equal(
      difference(outputsOf(again, inputsOf(tf, layerCase)), layerCase.outputs),
      undefined,
      layerCase.name,
    );
    again.dispose();
  }
});
