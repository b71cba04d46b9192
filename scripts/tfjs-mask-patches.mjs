// Masks go through layers as in Keras 3. Each change checks that the text is as it was when the change was written.
import { join } from 'node:path';
import { edited } from './tfjs-patcher.mjs';

/** Masks reach the layers behind them only, with one for each input and output; nested models hand them on. */
const executor = [
  [
    'export function execute(fetches, feedDict, kwargs, probe) {',
    'export function execute(fetches, feedDict, kwargs, probe, masksOfFetches) {',
  ],
  [
    `        if (maskExists) {
            kwargs = kwargs || {};
            kwargs['mask'] = inputMasks[0];
        }
        const outputTensors = toList(srcLayer.apply(inputValues, kwargs));
        let outputMask = null;
        if (srcLayer.supportsMasking) {
            outputMask = srcLayer.computeMask(inputValues, inputMasks);
        }
        const layerOutputs`,
    `        // Recurrent layers write the states that they begin with into what they are given.
        const given = { ...kwargs };
        if (maskExists && (inputValues.length === 1 || srcLayer.maskWithStates !== false))
            given['mask'] = maskArgument(inputMasks);
        let outputTensors;
        let masks;
        if (srcLayer instanceof Container) {
            masks = [];
            outputTensors = toList(srcLayer.apply(inputValues, { ...kwargs, mask: inputMasks, masksOfOutputs: masks }));
            // A file of Keras may say that these have none there: see keras-masks.ts.
            for (const at of srcLayer.unmaskedOutputs ?? []) masks[at] = null;
        }
        else {
            outputTensors = toList(srcLayer.apply(inputValues, given));
            masks = outputMasks(srcLayer, inputValues, inputMasks, outputTensors.length);
        }
        // One tensor may be several outputs, which are disposed of one by one.
        if (!training) outputTensors = outputTensors.map((tensor, at, all) => all.indexOf(tensor) < at ? tensor.clone() : tensor);
        const layerOutputs`,
  ],
  // A layer that takes one tensor twice, such as attention to itself, is one recipient: the tensor may have others.
  [
    '                recipientCounts[input.name]--;',
    `                if (symbolic.inputs.indexOf(input) === inputValues.length - 1) {
                    recipientCounts[input.name]--;
                }`,
  ],
  [
    'internalFeedDict.add(outputSymbolicTensors[i], outputTensors[i], Array.isArray(outputMask) ? outputMask[0] : outputMask);',
    'internalFeedDict.add(outputSymbolicTensors[i], outputTensors[i], masks[i] ?? null);',
  ],
  // A model may have one tensor as several of its outputs.
  [
    `            const index = outputNames.indexOf(outputSymbolicTensors[i].name);
            if (index !== -1) {
                finalOutputs[index] = outputTensors[i];
            }
`,
    `            outputNames.forEach((name, index) => {
                if (name !== outputSymbolicTensors[i].name) return;
                finalOutputs[index] = outputTensors[i];
                if (masksOfFetches != null) {
                    masksOfFetches[index] = masks[i] == null ? null : keep(masks[i].clone());
                }
            });
`,
  ],
  ['import { cast, dispose, memory, util }', 'import { cast, dispose, keep, memory, util }'],
  // tfjs calls a layer once for each of its outputs.
  [
    `        sorted: finalSorted,
        recipientCounts: recipientMap2Counts(finalRecipientMap)`,
    `        sorted: callOrder(finalSorted, fetches),
        recipientCounts: recipientCalls(finalRecipientMap, finalSorted)`,
  ],
];

/** A mask that is fed to a model comes with its input. */
const container = [
  [
    `            const feedDict = new FeedDict();
            for (let i = 0; i < this.inputs.length; ++i) {
                feedDict.add(this.inputs[i], inputs[i]);
            }
            return execute(this.outputs, feedDict, kwargs);`,
    `            const feedDict = new FeedDict();
            const { mask, masksOfOutputs, ...others } = kwargs ?? {};
            const masks = generic_utils.toList(mask);
            for (let i = 0; i < this.inputs.length; ++i) {
                // The feeds belong to the caller, and so do their masks.
                feedDict.add(this.inputs[i], inputs[i], masks[i] == null ? undefined : masks[i].clone());
            }
            return execute(this.outputs, feedDict, others, undefined, masksOfOutputs);`,
  ],
  [
    `        this.layers.forEach(layer => {
            // tslint:disable-next-line:no-any
            layer._trainableWeights
                .forEach(w => w.trainable = trainable);
        });
        this.trainable_ = trainable;`,
    `        // As in Keras: what is inside follows, at any depth.
        this.layers.forEach(layer => layer.trainable = trainable);
        this.trainable_ = trainable;`,
  ],
  // A layer that was set back inside of a frozen model is trained.
  [
    `        let weights = [];
        for (const layer of this.layers) {
            weights = weights.concat(layer.trainableWeights);
        }
        return weights;
    }`,
    `        return Container.weightsInside(this, 'trainableWeights');
    }
    static weightsInside(container, kind) {
        return container.layers.flatMap(layer => layer instanceof Container ? Container.weightsInside(layer, kind) : layer[kind]);
    }`,
  ],
  [
    `        const weights = [];
        for (const layer of this.layers) {
            weights.push(...layer.nonTrainableWeights);
        }
        if (!this.trainable) {
            const trainableWeights = [];
            for (const layer of this.layers) {
                trainableWeights.push(...layer.trainableWeights);
            }
            return trainableWeights.concat(weights);
        }
        return weights;`,
    `        const weights = Container.weightsInside(this, 'nonTrainableWeights');
        return this.trainable ? weights : [...Container.weightsInside(this, 'trainableWeights'), ...weights];`,
  ],
];

/** Outputs that have no mask in Keras although they have one here (src/training/model-files/keras-masks.ts). */
const unmasked = [
  [
    '        const config = { name: this.name };\n',
    `        const config = { name: this.name };
        if (this.unmaskedOutputs != null) {
            config['unmaskedOutputs'] = this.unmaskedOutputs;
        }
`,
  ],
  [
    '        return new cls({ inputs: inputTensors, outputs: outputTensors, name });',
    `        const made = new cls({ inputs: inputTensors, outputs: outputTensors, name });
        if (config['unmaskedOutputs'] != null) {
            made.unmaskedOutputs = config['unmaskedOutputs'];
        }
        return made;`,
  ],
];

/** Keras 3 does not hand the mask of its input to a recurrent layer that is called with first states; its files load with this option. */
const topology = [
  [
    '        this.supportsMasking = false;\n        // These properties',
    `        this.supportsMasking = false;
        this.maskWithStates = args.maskWithStates !== false;
        // These properties`,
  ],
  [
    '        const config = { name: this.name, trainable: this.trainable };\n',
    `        const config = { name: this.name, trainable: this.trainable };
        if (!this.maskWithStates) {
            config['maskWithStates'] = false;
        }
`,
  ],
];

const merges = [
  [
    `            mask = mask.map(m => m == null ? m : tfc.expandDims(m, 0));
            let output = mask[0];
            for (let i = 1; i < mask.length - 1; ++i) {
                output = tfc.logicalAnd(output, mask[i]);
            }
            return output;`,
    '            return mergedMask(mask);',
  ],
  [
    '                return this.mergeFunction(inputs);',
    "                return this.mergeFunction(inputs, kwargs == null ? undefined : kwargs['mask']);",
  ],
];

/** What is hidden has no part in a product, a maximum or a minimum: by class, the op and what does it with masks. */
const hidden = {
  Multiply: ['mul', 'maskedProduct(inputs, masks)'],
  Maximum: ['maximum', 'maskedExtreme(tfc.maximum, inputs, masks)'],
  Minimum: ['minimum', 'maskedExtreme(tfc.minimum, inputs, masks)'],
};
function skipsHidden(path, source) {
  let text = source;
  for (const [name, [op, masked]] of Object.entries(hidden)) {
    const start = text.indexOf(`class ${name} extends Merge {`);
    const head = '    mergeFunction(inputs) {\n';
    const at = text.indexOf(head, start);
    if (start < 0 || at < 0 || !text.slice(at, at + 400).includes(`tfc.${op}(output, inputs[i])`)) {
      throw new Error(`${path} is not as expected: ${name}.mergeFunction`);
    }
    text = `${text.slice(0, at)}    mergeFunction(inputs, masks) {
        if (Array.isArray(masks) && masks.some(mask => mask != null)) return tidy(() => ${masked});
${text.slice(at + head.length)}`;
  }
  return text;
}

/** Concatenate's: from the check of all masks on. */
function concatenate(path, text) {
  const from = text.indexOf('            let allNullMasks = true;');
  const end = 'return tfc.all(concatenatedMasks, -1, false);\n';
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${path} is not as expected: Concatenate.computeMask`);
  return `${text.slice(0, from)}            return concatenatedMask(inputs, mask, this.axis);\n${text.slice(to + end.length)}`;
}

const activations = ['LeakyReLU', 'ELU', 'ThresholdedReLU', 'Softmax'];

function advanced(path, source) {
  let text = source;
  for (const name of activations) {
    const start = text.indexOf(`class ${name} extends Layer {`);
    const call = 'super(args == null ? {} : args);\n';
    const at = text.indexOf(call, start);
    if (start < 0 || at < 0) throw new Error(`${path} is not as expected: ${name}`);
    text = `${text.slice(0, at + call.length)}        this.supportsMasking = true;\n${text.slice(at + call.length)}`;
  }
  const from = text.indexOf('            if (mask != null) {\n                // Since mask is 1.0');
  const to = text.indexOf('            if (this.axis instanceof Array) {', from);
  const end = text.indexOf('        });\n    }\n', to);
  if (from < 0 || to < 0 || end < 0) throw new Error(`${path} is not as expected: Softmax.call`);
  const body = text.slice(to, end);
  return `${text.slice(0, from)}            return maskedSoftmax(x, mask, (x) => {\n${body}            });\n${text.slice(end)}`;
}

const recurrent = [
  [
    `            const mask = kwargs == null ? null : kwargs['mask'];
            const training = kwargs == null ? null : kwargs['training'];
            let initialState`,
    `            const masks = kwargs == null ? null : kwargs['mask'];
            const mask = Array.isArray(masks) ? masks[0] : masks;
            const training = kwargs == null ? null : kwargs['training'];
            const startsAnew = (kwargs == null || kwargs['initialState'] == null) && !this.stateful;
            let initialState`,
  ],
  [
    `            const lastOutput = rnnOutputs[0];
            const outputs = rnnOutputs[1];
            const states = rnnOutputs[2];
            if (this.stateful) {`,
    `            const [lastOutput, outputs] = maskedOutputs(this, rnnOutputs, mask, startsAnew);
            const states = rnnOutputs[2];
            if (this.stateful) {`,
  ],
  ['return new cls(Object.assign(config, { cell }));', 'return new cls({ ...config, cell });'],
  [
    '            if (mask.rank === ndim - 1) {\n                mask = tfc.expandDims(mask, -1);\n            }',
    '            while (mask.rank < ndim) {\n                mask = tfc.expandDims(mask, -1);\n            }',
  ],
];

const wrappers = [
  [
    '            const rnnOutputs = rnn(step, inputs, [], false',
    `            const { mask, ...others } = kwargs ?? {};
            if (mask != null && usesMask(this.layer)) return eachStep(this.layer, inputs, kwargs);
            kwargs = others;
            const rnnOutputs = rnn(step, inputs, [], false`,
  ],
  // Hidden steps give 0, so that both directions agree on them; the mask goes to both.
  [
    '        this.supportsMasking = true;\n        this._trainable = true;',
    `        this.supportsMasking = true;
        this.forwardLayer.zeroOutputForMask = this.returnSequences === true;
        this.backwardLayer.zeroOutputForMask = this.returnSequences === true;
        this._trainable = true;
        if (args.trainable === false) this.trainable = false;`,
  ],
];

const pooling = [
  [
    '            return tfc.mean(input, 1);',
    `            const mask = kwargs == null ? null : kwargs['mask'];
            return mask == null ? tfc.mean(input, 1) : maskedMean(input, mask);`,
  ],
  [
    `class GlobalAveragePooling1D extends GlobalPooling1D {
    constructor(args) {
        super(args || {});
    }`,
    `class GlobalAveragePooling1D extends GlobalPooling1D {
    constructor(args) {
        super(args || {});
        this.supportsMasking = true;
    }
    computeMask(inputs, mask) {
        return null;
    }`,
  ],
];

/** A layer that is not trained uses its moving averages and leaves them alone; hidden steps count in neither. */
const normalization = [
  [
    '            if (!training) {\n                return normalizeInference();',
    '            if (!training || !this.trainable) {\n                return normalizeInference();',
  ],
  [
    '            const [normedTraining, mean, variance] = normalizeBatchInTraining(',
    `            const mask = kwargs['mask'];
            const hidden = mask != null && mask.rank === ndim - 1;
            const [normedTraining, mean, variance] = hidden ? normalizedWithMask(this, input, mask, reductionAxes, broadcastShape) : normalizeBatchInTraining(`,
  ],
  [
    'class BatchNormalization extends Layer {',
    `function normalizedWithMask(layer, input, mask, axes, shape) {
    const { mean, variance } = maskedMoments(input, mask, axes);
    const wide = (weight) => weight == null ? null : reshape(weight.read(), shape);
    const normed = tfc.mul(tfc.sub(input, reshape(mean, shape)), tfc.rsqrt(tfc.add(reshape(variance, shape), layer.epsilon)));
    const scaled = layer.gamma == null ? normed : tfc.mul(normed, wide(layer.gamma));
    return [layer.beta == null ? scaled : tfc.add(scaled, wide(layer.beta)), mean, variance];
}
class BatchNormalization extends Layer {`,
  ],
];

/** @param here the folder of the bundle's own parts. */
export function patchMasks(patches, here) {
  const masks = JSON.stringify(join(here, 'masks.mjs'));
  const order = JSON.stringify(join(here, 'call-order.mjs'));
  const layers = (name, names, change) =>
    patches.add(
      new RegExp(`tfjs-layers/dist/${name}\\.js$`),
      (path, text) =>
        `import { ${names} } from ${masks};\n${typeof change === 'function' ? change(path, text) : edited(path, text, change)}`,
    );
  layers(
    'engine/executor',
    'maskArgument, outputMasks',
    (path, text) =>
      `import { Container } from './container';\nimport { callOrder, recipientCalls } from ${order};\n${edited(path, text, executor)}`,
  );
  patches.add(/tfjs-layers\/dist\/engine\/container\.js$/, [...container, ...unmasked]);
  patches.add(/tfjs-layers\/dist\/engine\/topology\.js$/, topology);
  layers('layers/merge', 'concatenatedMask, maskedExtreme, maskedProduct, mergedMask', (path, text) =>
    skipsHidden(path, concatenate(path, edited(path, text, merges))),
  );
  layers('layers/advanced_activations', 'maskedSoftmax', advanced);
  layers('layers/recurrent', 'maskedOutputs', recurrent);
  layers('layers/wrappers', 'eachStep, usesMask', wrappers);
  layers('layers/pooling', 'maskedMean', pooling);
  layers('layers/normalization', 'maskedMoments', normalization);
}
