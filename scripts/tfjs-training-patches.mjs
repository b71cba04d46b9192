// What tfjs's training lacks or does wrong beside Keras, mended while it is bundled. Each change checks that the text is
// as it was when the change was written.
import { join } from 'node:path';
import { edited } from './tfjs-patcher.mjs';

/** A weight for each sample: tfjs's `fit` has the argument, and refuses it. */
const takesSampleWeights = [
  [
    `        if (sampleWeight != null) {
            throw new Error('sample weight is not supported yet.');
        }
`,
    '',
  ],
  [
    `        if (classWeight != null) {
            const classWeights = standardizeClassWeights(classWeight, this.outputNames);`,
    `        if (classWeight != null || sampleWeight != null) {
            const classWeights = standardizeClassWeights(classWeight, this.outputNames);
            const sampleWeights = standardizeSampleWeights(sampleWeight, this.outputNames);`,
  ],
  [
    'standardizeWeights(standardYs[i], null, classWeights[i])',
    'standardizeWeights(standardYs[i], sampleWeights[i], classWeights[i])',
  ],
  [
    'import { computeWeightedLoss, standardizeClassWeights, standardizeWeights }',
    'import { standardizeClassWeights, standardizeSampleWeights, standardizeWeights }',
  ],
];

const weighsSamples = [
  [
    `    if (sampleWeight != null || sampleWeightMode != null) {
        // TODO(cais): Once 'temporal' mode is implemented, document it in the doc
        // string.
        throw new Error('Support sampleWeight is not implemented yet');
    }
`,
    `    if (sampleWeight != null) {
        const weights = checkedWeights(y, sampleWeight);
        const byClass = await standardizeWeights(y, null, classWeight);
        if (byClass == null) return weights;
        const each = byClass.reshape([-1, ...weights.shape.slice(1).map(() => 1)]);
        const result = mul(weights, each);
        dispose([weights, byClass, each]);
        return result;
    }
`,
  ],
  // One tensor weighs the samples of all outputs.
  [
    '    if (Array.isArray(xWeight)) {\n        if (xWeight.length !== numOutputs) {',
    `    if (xWeight instanceof Tensor) {
        return outputNames.map(() => xWeight);
    }
    if (Array.isArray(xWeight)) {
        if (xWeight.length !== numOutputs) {`,
  ],
  ['import { argMax, clone, dispose,', 'import { argMax, clone, dispose, Tensor,'],
];

/**
 * The centred form takes epsilon away below the root instead of adding it: a weight whose gradient is 0 becomes NaN.
 * As in Keras and tensorflow/core/kernels/training_ops.cc (ApplyCenteredRMSProp).
 */
const addsEpsilon = [
  [
    'sqrt(sub(newAccumulatedMeanSquare, add(square(newAccumulatedMeanGrad), this.epsilon)))',
    'sqrt(add(sub(newAccumulatedMeanSquare, square(newAccumulatedMeanGrad)), this.epsilon))',
  ],
];

/** A convolution with bias and activation where channels come first, which tfjs has for fused kernels only. */
const takesChannelsFirst = [
  [
    `        util.assert(dataFormat === 'NHWC', () => \`Error in fused conv2d: got dataFormat of \${dataFormat} but \` +
            \`only NHWC is currently supported for the case of gradient depth \` +
            \`is 0 and the activation is not linear.\`);
        let result = unfusedConv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode);
        if (bias != null) {
            result = add(result, bias);
        }
        return applyActivation(result, activation, preluActivationWeights, leakyreluAlpha);`,
    `        const perChannel = (values) => {
            if (values == null || dataFormat === 'NHWC') return values;
            const tensor = convertToTensor(values, 'values', 'fused conv2d');
            return tensor.rank === 1 ? reshape(tensor, [tensor.size, 1, 1]) : tensor;
        };
        let result = unfusedConv2d(x, filter, strides, pad, dataFormat, dilations, dimRoundingMode);
        if (bias != null) {
            result = add(result, perChannel(bias));
        }
        return applyActivation(result, activation, perChannel(preluActivationWeights), leakyreluAlpha);`,
  ],
];

/** tfjs frees the old value before it takes the new one: where that cannot be taken, or is the same, both are lost. */
const keepsAssigned = [
  [
    '        trackerFn().disposeTensor(this);\n        this.dataId = newValue.dataId;',
    `        if (newValue === this) return;
        if (newValue.isDisposed) {
            throw new Error(\`variable \${this.name} cannot be assigned a tensor that was disposed: \` +
                'assign it before tf.dispose or the end of tf.tidy, or keep it with tf.keep');
        }
        trackerFn().disposeTensor(this);
        this.dataId = newValue.dataId;`,
  ],
];

/** The state of Adamax can be saved and restored, as Adam's. */
const keepsAdamax = [
  [
    "        throw new Error('getWeights() is not implemented for Adamax yet.');",
    `        const variables = [...this.accumulatedFirstMoment, ...this.accumulatedWeightedInfNorm];
        return [await this.saveIterations()].concat(variables.map(v => ({ name: v.originalName, tensor: v.variable })));`,
  ],
  [
    "        throw new Error('setWeights() is not implemented for Adamax yet.');",
    `        weightValues = await this.extractIterations(weightValues);
        tidy(() => {
            this.iteration.assign(scalar(this.iterations_));
            this.accBeta1.assign(scalar(Math.pow(this.beta1, this.iterations_ + 1)));
        });
        const count = weightValues.length / 2;
        const kept = weightValues.map(v => ({ originalName: v.name, variable: v.tensor.variable(false) }));
        this.accumulatedFirstMoment = kept.slice(0, count);
        this.accumulatedWeightedInfNorm = kept.slice(count);`,
  ],
];

/** @param here the folder of the bundle's own parts. */
export function patchTraining(patches, here) {
  patches.add(/tfjs-layers\/dist\/engine\/training\.js$/, takesSampleWeights);
  const weights = JSON.stringify(join(here, 'sample-weights.mjs'));
  patches.add(
    /tfjs-layers\/dist\/engine\/training_utils\.js$/,
    (path, text) => `import { checkedWeights } from ${weights};\n${edited(path, text, weighsSamples)}`,
  );
  patches.add(/tfjs-core\/dist\/ops\/fused\/conv2d\.js$/, takesChannelsFirst);
  patches.add(/tfjs-core\/dist\/tensor\.js$/, keepsAssigned);
  patches.add(/tfjs-core\/dist\/optimizers\/rmsprop_optimizer\.js$/, addsEpsilon);
  patches.add(/tfjs-core\/dist\/optimizers\/adamax_optimizer\.js$/, keepsAdamax);
}
