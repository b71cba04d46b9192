// What tfjs-layers lacks beside Keras and PyTorch, added while it is bundled. Each change checks that the text is as it
// was when the change was written.
import { dirname, join } from 'node:path';
import { edited } from './tfjs-patcher.mjs';

function replaced(path, text, from, to) {
  return edited(path, text, [[from, to]]);
}

/**
 * GRU with `resetAfter`, the form that PyTorch, cuDNN and Keras (by default) have: the reset gate is applied after the
 * recurrent product, which has a bias of its own (keras/src/layers/rnn/gru.py).
 */
function gruWithResetAfter(path, source) {
  let text = replaced(
    path,
    source,
    `        if (args.resetAfter) {
            throw new ValueError(\`GRUCell does not support reset_after parameter set to true.\`);
        }`,
    '        this.resetAfter = args.resetAfter === true;',
  );
  text = replaced(
    path,
    text,
    "this.bias = this.addWeight('bias', [this.units * 3], null,",
    "this.bias = this.addWeight('bias', this.resetAfter ? [2, this.units * 3] : [this.units * 3], null,",
  );
  text = replaced(path, text, 'resetAfter: false', 'resetAfter: this.resetAfter');
  return replaced(
    path,
    text,
    `            let z;
            let r;
            let hh;
            if (0 < this.dropout`,
    `            if (this.resetAfter) {
                const h = 0 < this.recurrentDropout && this.recurrentDropout < 1 ?
                    tfc.mul(hTMinus1, recDpMask[0]) : hTMinus1;
                const x = 0 < this.dropout && this.dropout < 1 ? tfc.mul(inputs, dpMask[0]) : inputs;
                let outer = K.dot(x, this.kernel.read());
                let inner = K.dot(h, this.recurrentKernel.read());
                if (this.useBias) {
                    const [inputBias, recurrentBias] = tfc.unstack(this.bias.read());
                    outer = K.biasAdd(outer, inputBias);
                    inner = K.biasAdd(inner, recurrentBias);
                }
                const [outerZ, outerR, outerH] = tfc.split(outer, 3, outer.rank - 1);
                const [innerZ, innerR, innerH] = tfc.split(inner, 3, inner.rank - 1);
                const update = this.recurrentActivation.apply(tfc.add(outerZ, innerZ));
                const reset = this.recurrentActivation.apply(tfc.add(outerR, innerR));
                const candidate = this.activation.apply(tfc.add(outerH, tfc.mul(reset, innerH)));
                const next = tfc.add(tfc.mul(update, h), tfc.mul(tfc.sub(1, update), candidate));
                return [next, next];
            }
            let z;
            let r;
            let hh;
            if (0 < this.dropout`,
  );
}

/** Recurrent layers ask before they unroll: in a graph they may become a loop, or one op of TensorFlow's. */
function recurrentHook(path, source, hooks) {
  const text = replaced(
    path,
    source,
    'const rnnOutputs = rnn(step,',
    'Object.assign(step, { cell: this.cell });\n            const rnnOutputs = rnn(step,',
  );
  const begin = 'const perStepOutputs = [];';
  return `import { recurrent } from ${JSON.stringify(hooks)};\n${replaced(
    path,
    text,
    begin,
    `const looped = recurrent.loop?.(stepFunction, inputs, initialStates, mask, needPerStepOutputs);
        if (looped !== undefined) return looped;
        ${begin}`,
  )}`;
}

/** The cross-entropy asks before it composes: a graph knows the logarithms that a softmax was made from. */
function crossEntropyHook(path, source, hooks) {
  const begin = '// scale preds so that';
  return `import { crossEntropy } from ${JSON.stringify(hooks)};\n${replaced(
    path,
    source,
    begin,
    `const ours = crossEntropy.ofProbabilities?.(target, output, epsilon());
            if (ours !== undefined) return ours;
            ${begin}`,
  )}`;
}

/** What is dropped becomes the negative saturation value; tfjs has the other sign (keras/src/layers/regularization/alpha_dropout.py). */
const alphaDropout = [
  ['mul(add(keptIdx, -1), alphaP)', 'mul(add(keptIdx, -1), -alphaP)'],
  [
    'return this.noiseShape || getExactlyOneTensor(inputs).shape;',
    `const { shape } = getExactlyOneTensor(inputs);
        return this.noiseShape == null ? shape : this.noiseShape.map((size, axis) => size ?? shape[axis]);`,
  ],
  [
    `        const config = { rate: this.rate };
        Object.assign(config, baseConfig);
        return config;
    }
    call(inputs, kwargs) {
        return tidy(() => {
            if (this.rate < 1 && this.rate > 0) {`,
    `        const config = { rate: this.rate, noiseShape: this.noiseShape };
        Object.assign(config, baseConfig);
        return config;
    }
    call(inputs, kwargs) {
        return tidy(() => {
            if (this.rate < 1 && this.rate > 0) {`,
  ],
];

/** @param hooks path of the file with the hooks that the bundle's code asks. */
export function patchLayers(patches, hooks) {
  patches.add(/tfjs-layers\/dist\/layers\/recurrent\.js$/, (path, text) =>
    recurrentHook(path, gruWithResetAfter(path, text), hooks),
  );
  patches.add(/tfjs-layers\/dist\/losses\.js$/, (path, text) => crossEntropyHook(path, text, hooks));
  patches.add(/tfjs-layers\/dist\/layers\/noise\.js$/, alphaDropout);
  // A dropout with a seed draws anew in each step.
  const seeds = JSON.stringify(join(dirname(hooks), 'seed-streams.mjs'));
  patches.add(/tfjs-layers\/dist\/layers\/core\.js$/, (path, text) => {
    const changed = replaced(
      path,
      text,
      'noiseShape, this.seed), () => input',
      'noiseShape, seedStreamOf(this)), () => input',
    );
    return `import { seedStreamOf } from ${seeds};\n${changed}`;
  });
  // Our own loops over data sets take batches apart as tfjs's do.
  const begin = 'function standardizeDataIteratorOutput(';
  patches.add(/tfjs-layers\/dist\/engine\/training_dataset\.js$/, [[begin, `export ${begin}`]]);
}
