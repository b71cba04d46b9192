/** Packages whose classes a compiler lowered to ES5 functions extend tfjs's classes, as they extend those of tfjs's own build. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();

// eslint-disable-next-line typescript/no-explicit-any -- classes of any kind
type AnyClass = any;

/** How compilers call the constructor of a parent; `PARENT` and `BODY` are filled in. */
const COMPILERS = {
  'TypeScript, call':
    'function Lowered(a, b, c, d) { var _this = _super.call(this, a, b, c, d) || this; BODY; return _this; }',
  'TypeScript, apply':
    'function Lowered() { var _this = _super !== null && _super.apply(this, arguments) || this; BODY; return _this; }',
  'Babel, loose':
    'function Lowered(a, b, c, d) { var _this = _super.call(this, a, b, c, d) || this; BODY; return _this; }',
  Babel: `function Lowered() { var _this = Reflect.construct(Object.getPrototypeOf(Lowered), arguments, new.target); BODY; return _this; }`,
  'Babel before Reflect.construct': `function Lowered() {
    var call = (Lowered.__proto__ || Object.getPrototypeOf(Lowered)).apply(this, arguments);
    var _this = call && (typeof call === 'object' || typeof call === 'function') ? call : this;
    BODY; return _this; }`,
};

/** A lowered class that extends `parent`, with methods. */
function lowered(compiler: string, parent: AnyClass, methods = '{}', body = ''): AnyClass {
  const constructor = COMPILERS[compiler as keyof typeof COMPILERS].replace('BODY', body);
  const made = runInThisContext(`(function (_super, tf) {
    Object.setPrototypeOf(Lowered, _super);
    function Prototype() { this.constructor = Lowered; }
    Prototype.prototype = _super.prototype;
    Lowered.prototype = new Prototype();
    ${constructor}
    Object.assign(Lowered.prototype, ${methods});
    return Lowered;
  })`) as (parent: AnyClass, instance: unknown) => AnyClass;
  return made(parent, tf);
}

const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
const y = tf.tensor2d([1, 0, 1], [3, 1]);

async function train(build: () => LayersModel, args: object = {}): Promise<number[]> {
  const model = build();
  const { history } = await model.fit(x, y, { epochs: 4, verbose: 0 as never, ...args });
  const predicted = model.predict(x) as Tensor;
  const results = [...(history['loss'] as number[]), ...predicted.dataSync()];
  tf.dispose(predicted);
  model.dispose();
  return results;
}

function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries()) {
    const distance = Math.abs((actual[i] as number) - value);
    assert.ok(distance <= 1e-4 * Math.max(1, Math.abs(value)), `${i}: ${actual[i]}, not ${value}`);
  }
}

const dense = (more = {}) =>
  tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.constant({ value: 0.2 }), ...more });

function sequential(layer?: { apply(x: unknown): unknown }, optimizer: AnyClass = tf.train.sgd(0.01)) {
  const input = tf.input({ shape: [2] });
  const inner = (layer?.apply(input) ?? input) as SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: dense().apply(inner) as SymbolicTensor });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

for (const compiler of Object.keys(COMPILERS)) {
  test(`a layer of a lowered class trains and is made from its configuration: ${compiler}`, async () => {
    const Doubled = lowered(
      compiler,
      tf.layers.Layer,
      `{ call: function (x) { return tf.mul(Array.isArray(x) ? x[0] : x, this.factor); },
         computeOutputShape: function (shape) { return shape; },
         getClassName: function () { return 'Doubled'; } }`,
      '_this.factor = 2',
    );
    Doubled.className = `Doubled${Object.keys(COMPILERS).indexOf(compiler)}`;
    tf.serialization.registerClass(Doubled);
    const layer = new Doubled({ name: 'twice' });
    assert.deepEqual([layer.name, layer.factor], ['twice', 2]);
    assert.ok(layer instanceof Doubled && layer instanceof tf.layers.Layer);
    class Real extends tf.layers.Layer {
      static className = `Real${Doubled.className}`;
      override call(given: Tensor | Tensor[]) {
        return tf.mul(Array.isArray(given) ? (given[0] as Tensor) : given, 2);
      }
    }
    for (const mode of ['on', 'off']) {
      process.env['TENSORCELL_COMPILE'] = mode;
      const actual = await train(() => sequential(new Doubled({})));
      assertClose(actual, await train(() => sequential(new Real({}))));
    }
    delete process.env['TENSORCELL_COMPILE'];
  });

  test(`callbacks, optimizers, models and cells of lowered classes: ${compiler}`, async () => {
    const Watch = lowered(
      compiler,
      tf.Callback,
      '{ onEpochEnd: function () { this.seen++; } }',
      '_this.seen = 0',
    );
    const watch = new Watch();
    await train(() => sequential(), { callbacks: [watch] });
    assert.equal(watch.seen, 4);

    const Adam = lowered(compiler, tf.AdamOptimizer);
    const optimizer = new Adam(0.1, 0.9, 0.999, 1e-7);
    assert.ok(optimizer instanceof tf.AdamOptimizer);
    assertClose(
      await train(() => sequential(undefined, new Adam(0.1, 0.9, 0.999, 1e-7))),
      await train(() => sequential(undefined, tf.train.adam(0.1, 0.9, 0.999, 1e-7))),
    );

    const Model = lowered(
      compiler,
      tf.LayersModel,
      '{ twice: function (x) { return this.predict(x).mul(2); } }',
    );
    const input = tf.input({ shape: [2] });
    const model = new Model({ inputs: input, outputs: dense().apply(input) });
    assert.deepEqual([...model.twice(x).dataSync()], [...(model.predict(x) as Tensor).mul(2).dataSync()]);

    const Cell = lowered(
      compiler,
      tf.layers.RNNCell,
      `{ build: function () { this.built = true; },
         call: function (all) { var sum = tf.add(all[0], all[1]); return [sum, sum]; } }`,
      '_this.stateSize = 2',
    );
    Cell.className = 'LoweredCell';
    const rnn = tf.layers.rnn({ cell: new Cell({}) });
    assert.deepEqual([...(rnn.apply(x.reshape([1, 3, 2])) as Tensor).dataSync()], [9, 12]);
  });
}

test('every class that is made to be extended can be called by a lowered constructor, and is itself otherwise', () => {
  const bases: [string, AnyClass, unknown[]][] = [
    ['Layer', tf.layers.Layer, [{ name: 'made' }]],
    ['Callback', tf.Callback, []],
    ['CustomCallback', tf.CustomCallback, [{}]],
    ['EarlyStopping', tf.EarlyStopping, [{}]],
    ['SGDOptimizer', tf.SGDOptimizer, [0.1]],
    ['MomentumOptimizer', tf.MomentumOptimizer, [0.1, 0.9]],
    ['RMSPropOptimizer', tf.RMSPropOptimizer, [0.1]],
    ['AdagradOptimizer', tf.AdagradOptimizer, [0.1]],
    ['AdadeltaOptimizer', tf.AdadeltaOptimizer, [0.1]],
    ['AdamaxOptimizer', tf.AdamaxOptimizer, [0.1, 0.9, 0.999]],
    ['Sequential', tf.Sequential, [{ name: 'made' }]],
    ['KernelBackend', tf.KernelBackend, []],
    ['Dataset', tf.data.Dataset, []],
    ['Serializable', tf.serialization.Serializable, []],
  ];
  for (const [name, base, args] of bases) {
    const Lowered = lowered('TypeScript, apply', base);
    const made = new Lowered(...args);
    assert.ok(made instanceof Lowered && made instanceof base, name);
    assert.equal(Object.getPrototypeOf(made), Lowered.prototype, name);
    // A class of a class.
    const Second = lowered('TypeScript, apply', Lowered);
    assert.ok(new Second(...args) instanceof Second, name);
    class Modern extends base {}
    assert.ok(new (Modern as AnyClass)(...args) instanceof Modern, name);
    assert.throws(
      () => base(...args),
      { name: 'TypeError', message: /cannot be invoked without 'new'/ },
      name,
    );
    assert.equal(base.prototype.constructor.name, base.name, name);
  }
});
