// One computation of loss and metrics for training and evaluation, as Keras 3 has it: any number of outputs, masks, weights of
// samples, losses and classes, regularization, constraints. Each change checks that the text is as it was when the change
// was written.
import { join } from 'node:path';
import { between, edited } from './tfjs-patcher.mjs';
import { stores, storesNames } from './tfjs-stored-names.mjs';

const FORWARD = `const feeds = inputs.map((value, i) => ({ key: this.inputs[i], value }));
                const masks = [];
                const outputs = execute(this.outputs, new FeedDict(feeds), TRAINING, undefined, masks);
                return { outputs, masks };`;

const PARTS = `const inputs = data.slice(0, this.inputs.length);
            const targets = data.slice(this.inputs.length, this.inputs.length + this.outputs.length);
            const sampleWeights = data.slice(this.inputs.length + this.outputs.length, this.inputs.length + this.outputs.length * 2);`;

const trainFunction = `makeTrainFunction() {
        return (data) => {
            ${PARTS}
            const kept = [];
            const totalLossFunction = () => {
                const forward = () => {
                    ${FORWARD.replace('TRAINING', "{ 'training': true }")}
                };
                const { total, metrics, parts } = objective(this, forward, targets, sampleWeights);
                for (const value of [...metrics, ...parts]) kept.push(tfc.keep(value));
                return total;
            };
            const variables = this.collectedTrainableWeights.map(param => param.read());
            const returnCost = true;
            const totalLossValue = variables.length === 0 ? withoutWeights(this, totalLossFunction) :
                this.optimizer_.minimize(totalLossFunction, returnCost, variables);
            tfc.tidy(() => {
                for (const param of this.collectedTrainableWeights) param.constrain();
            });
            return [totalLossValue].concat(kept);
        };
    }
    /**
`;

const testFunction = `makeTestFunction() {
        this.testFunction = (data) => tfc.tidy(() => {
            ${PARTS}
            const forward = () => {
                ${FORWARD.replace('TRAINING', 'undefined')}
            };
            const { total, metrics, parts } = objective(this, forward, targets, sampleWeights);
            return [total, ...metrics, ...parts];
        });
    }
    /**
`;

/** Losses may be left out, and weighted; `accuracy` goes by the shapes, as in Keras. */
const compiles = [
  [
    '        this.loss = args.loss;\n',
    `        this.loss = args.loss;
        this.lossWeights = lossWeightsOf(args.lossWeights, this.outputNames);
`,
  ],
  [
    'lossFunctions.push(losses.get(args.loss[name]));',
    'lossFunctions.push(args.loss[name] == null ? null : losses.get(args.loss[name]));',
  ],
  [
    'lossFunctions = theLosses.map(l => losses.get(l));',
    'lossFunctions = theLosses.map(l => l == null ? null : losses.get(l));',
  ],
  [
    '                if (this.outputs.length > 1) {\n                    this.metricsTensors.push([weightedLoss, i]);',
    '                if (this.lossFunctions.filter(one => one != null).length > 1 && weightedLoss != null) {\n                    this.metricsTensors.push([weightedLoss, i]);',
  ],
  [
    '        const nestedMetrics = collectMetrics(args.metrics, this.outputNames);',
    `        this.outputLosses = this.metricsTensors.length;
        this.ratioLabels = [];
        const nestedMetrics = collectMetrics(args.metrics, this.outputNames);`,
  ],
  ['accFn = Metrics.categoricalAccuracy;', 'accFn = Metrics.accuracy;'],
  ['accFn = Metrics.categoricalCrossentropy;', 'accFn = Metrics.crossentropy;'],
];

/** Weights of samples in `evaluate`, `trainOnBatch` and validation. */
const weighs = [
  [
    'const standardizedOuts = this.standardizeUserDataXY(x, y, checkBatchAxis, batchSize);\n        try {',
    `const standardizedOuts = this.standardizeUserDataXY(x, y, checkBatchAxis, batchSize);
        const sampleWeights = sampleWeightsFor(standardizedOuts[1], args.sampleWeight, this.outputNames);
        try {`,
  ],
  [
    'const ins = standardizedOuts[0].concat(standardizedOuts[1]);\n            this.makeTestFunction();',
    'const ins = standardizedOuts[0].concat(standardizedOuts[1], sampleWeights);\n            this.makeTestFunction();',
  ],
  [
    'finally {\n            disposeNewTensors(standardizedOuts[0], x);',
    'finally {\n            tfc.dispose(sampleWeights);\n            disposeNewTensors(standardizedOuts[0], x);',
  ],
  [
    `                else if (args.validationData.length === 3) {
                    throw new NotImplementedError('validationData including sample weights is not supported yet.');
                }`,
    `                else if (args.validationData.length === 3) {
                    [inputValX, inputValY] = args.validationData;
                }`,
  ],
  [
    'valY = valStandardized[1];\n                valIns = valX.concat(valY);',
    `valY = valStandardized[1];
                valWeights = sampleWeightsFor(valY, args.validationData[2], this.outputNames);
                valIns = valX.concat(valY, valWeights);`,
  ],
  [
    `                // TODO(cais): Once sampleWeights becomes available, slice it to get
                //   valSampleWeights.
                valIns = valX.concat(valY);`,
    `                const whole = sampleWeightsFor(originalTargets, args.sampleWeight, this.outputNames);
                valWeights = sliceArrays(whole, splitAt, originalBatchSize);
                tfc.dispose(whole);
                valIns = valX.concat(valY, valWeights);`,
  ],
  [
    '        let sampleWeights;\n        try {',
    '        let sampleWeights;\n        let valWeights;\n        try {',
  ],
  [
    `            if (sampleWeights != null) {
                tfc.dispose(sampleWeights);
            }
        }
        // TODO(cais): Add value to outLabels.`,
    `            tfc.dispose([sampleWeights, valWeights]);
        }`,
  ],
  ['async trainOnBatch(x, y) {', 'async trainOnBatch(x, y, args = {}) {'],
  [
    'const standardizeOut = await this.standardizeUserData(x, y);',
    'const standardizeOut = await this.standardizeUserData(x, y, args.sampleWeight, args.classWeight);\n        const sampleWeights = standardizeOut[2] ?? [];',
  ],
  [
    'const losses = trainFunction(inputs.concat(targets));',
    'const losses = trainFunction(inputs.concat(targets, sampleWeights));',
  ],
  ['for (const loss of losses) {', 'for (const loss of losses.slice(0, this.metricsNames.length)) {'],
  ['        tfc.dispose(losses);\n', '        tfc.dispose([losses, sampleWeights]);\n'],
];

const loops = [
  [
    `                for (let i = 0; i < outs.length; ++i) {
                    outs[i] = tfc.div(outs[i], numSamples);
                }
            }
            return outs;`,
    `                for (let i = 0; i < outs.length; ++i) {
                    outs[i] = tfc.div(outs[i], numSamples);
                }
            }
            return withRatios(this, outs);`,
  ],
  [
    '                        if (batchIndex === batches.length - 1) { // Last batch.',
    '                        keepRatios(this, outLabels, outs, batchLogs);\n                        if (batchIndex === batches.length - 1) { // Last batch.',
  ],
];

/** A target without the last dimension of 1, which the output or indices of classes have. */
const takesTargets = [
  [
    '    arrays = ensureTensorsRank2OrHigher(arrays);\n',
    `    arrays = ensureTensorsRank2OrHigher(arrays);
    if (exceptionPrefix === 'target' && shapes != null) {
        arrays = arrays.map((array, i) => {
            const shape = shapes[i];
            const lacksOne = shape != null && array.rank === shape.length - 1 && array.rank > 1 && shape.at(-1) === 1;
            return lacksOne ? array.expandDims(-1) : array;
        });
    }
`,
  ],
];

function training(path, source, parts) {
  let text = between(
    path,
    source,
    'export function collectMetrics(metrics, outputNames) {',
    'const LAYERS_MODEL_FORMAT_NAME',
    'export const collectMetrics = metricsOfOutputs;\n',
  );
  text = between(path, text, 'makeTrainFunction() {', '     * Create a function which', trainFunction);
  text = between(path, text, 'makeTestFunction() {', '     * Trains the model for a fixed', testFunction);
  text = storesNames(path, text);
  text = edited(path, text, [...compiles, ...weighs, ...stores, ...loops, ...takesTargets]);
  return `import { keepRatios, objective, withoutWeights, withRatios } from ${parts('objective')};
import { eachMetric, metricsOfOutputs } from ${parts('metric-lists')};
import { lossWeightsOf, sampleWeightsFor } from ${parts('sample-weights')};
${text}`;
}

const datasets = [
  [
    '    return { xs: flattenedXs, ys: flattenedYs };',
    `    const weights = elementWeights(iteratorOut, flattenedYs, model.outputNames);
    return { xs: flattenedXs, ys: flattenedYs, weights };`,
  ],
  [
    'const { xs, ys } = standardizeDataIteratorOutput(model, iteratorOut.value);\n                    const batchLogs',
    'const { xs, ys, weights } = standardizeDataIteratorOutput(model, iteratorOut.value);\n                    const batchLogs',
  ],
  [
    `                    const sampleWeights = [];
                    if (args.classWeight != null) {`,
    `                    const sampleWeights = args.classWeight == null ? weights : [];
                    if (args.classWeight != null) {`,
  ],
  [
    `sampleWeights.push(await standardizeWeights(ys[i], null, standardClassWeights[i]));
                        }`,
    `sampleWeights.push(await standardizeWeights(ys[i], weights[i] ?? null, standardClassWeights[i]));
                        }
                        tfc.dispose(weights);`,
  ],
  [
    `                const { xs, ys } = standardizeDataIteratorOutput(model, iteratorOut.value);
                const xsAndYs = xs.concat(ys);`,
    `                const { xs, ys, weights } = standardizeDataIteratorOutput(model, iteratorOut.value);
                const xsAndYs = xs.concat(ys, weights);`,
  ],
  [
    `    if (data.length === 3) {
        throw new NotImplementedError('Validation with sample weights is not implemented yet.');
    }
    return { xs: data[0], ys: data[1] };`,
    '    return { xs: data[0], ys: data[1], weights: data[2] };',
  ],
  [
    '                valYs = validationData.ys;\n',
    '                valYs = validationData.ys;\n                valWeights = validationData.weights;\n',
  ],
  ['        let valYs;\n', '        let valYs;\n        let valWeights;\n'],
  [
    '                                verbose: 0\n',
    '                                sampleWeight: valWeights,\n                                verbose: 0\n',
  ],
  [
    '                    await callbackList.onBatchEnd(batchIndex, batchLogs);',
    '                    keepRatios(model, outLabels, outs, batchLogs);\n                    await callbackList.onBatchEnd(batchIndex, batchLogs);',
  ],
  ['    return singletonOrArray(outs);', '    return singletonOrArray(withRatios(model, outs));'],
];

/** The logger of an epoch adds up the parts of ratios apart. */
const logsRatios = [
  [
    '        this.seen = 0;\n        this.totals = {};',
    '        this.seen = 0;\n        this.totals = {};\n        this.ratios = {};',
  ],
  [
    '        this.seen += batchSize;\n',
    '        this.seen += batchSize;\n        addRatios(this, logs, batchSize);\n',
  ],
  [
    `                if (typeof this.totals[key] === 'number') {
                    logs[key] = this.totals[key] / this.seen;`,
    `                const ratio = ratioOf(this, key);
                if (ratio !== undefined) {
                    if (typeof this.totals[key] !== 'number') this.totals[key].dispose();
                    logs[key] = ratio;
                }
                else if (typeof this.totals[key] === 'number') {
                    logs[key] = this.totals[key] / this.seen;`,
  ],
];

/** Constraints hold after each update by an optimizer, and never for values that are set. */
const constrains = [
  [
    `            this.val.assign(newVal);
            if (this.constraint != null) {
                this.val.assign(this.constraint.apply(this.val));
            }
        }
        return this;
    }`,
    `            this.val.assign(newVal);
        }
        return this;
    }
    /** What an optimizer calls after it has changed the value. */
    constrain() {
        if (this.constraint != null) {
            const change = (value) => this.constraint.apply(value);
            if (constraining.later?.(this.val, change) !== true) this.val.assign(change(this.val));
        }
    }`,
  ],
];

/** Each layer's regularization once, and only of weights that are trained, as in Keras 3. */
const regularizes = [
  [
    `                for (let nodeIndex = 0; nodeIndex < layer.inboundNodes.length; ++nodeIndex) {
                    const nodeKey = Container.nodeKey(layer, nodeIndex);
                    if (this.containerNodes.has(nodeKey)) {
                        losses.push(...layer.calculateLosses());
                    }
                }`,
    '                if (layer instanceof Container || layer.trainable) losses.push(...layer.calculateLosses());',
  ],
];

/** Weights of cells, and of both directions, are regularized too. */
const cellsRegularize = [
  [
    `    get trainableWeights() {
        if (!this.trainable) {
            return [];
        }
        // Porting Note`,
    `    get losses() {
        return this.cell == null ? this._losses : [...this._losses, ...this.cell.losses];
    }
    get trainableWeights() {
        if (!this.trainable) {
            return [];
        }
        // Porting Note`,
  ],
  [
    `    get trainableWeights() {
        if (!this.trainable) {
            return [];
        }
        const weights = [];`,
    `    get losses() {
        return this.cells == null ? this._losses : this.cells.flatMap(cell => cell.losses);
    }
    get trainableWeights() {
        if (!this.trainable) {
            return [];
        }
        const weights = [];`,
  ],
];
const directionsRegularize = [
  // A model inside of a wrapper has the losses of its layers.
  [
    '        return this.layer.losses;',
    `        const inside = (layer) => layer.layers == null ? (layer.trainable ? layer.losses : []) : layer.layers.flatMap(inside);
        return this.layer.layers == null ? this.layer.losses : inside(this.layer);`,
  ],
  [
    '    get trainableWeights() {\n        return this.forwardLayer.trainableWeights.concat(',
    `    get losses() {
        return this.forwardLayer == null ? this._losses : [...this.forwardLayer.losses, ...this.backwardLayer.losses];
    }
    get trainableWeights() {
        return this.forwardLayer.trainableWeights.concat(`,
  ],
];

/** @param here the folder of the bundle's own parts. */
export function patchObjective(patches, here) {
  const parts = (name) => JSON.stringify(join(here, `${name}.mjs`));
  const importing = (names, edits) => (path, text) =>
    `import { ${names} } from ${parts('objective')};\n${edited(path, text, edits)}`;
  patches.add(/tfjs-layers\/dist\/engine\/training\.js$/, (path, text) => training(path, text, parts));
  patches.add(
    /tfjs-layers\/dist\/engine\/training_dataset\.js$/,
    (path, text) =>
      `import { elementWeights } from ${parts('sample-weights')};\n${importing('keepRatios, withRatios', datasets)(path, text)}`,
  );
  patches.add(/tfjs-layers\/dist\/base_callbacks\.js$/, importing('addRatios, ratioOf', logsRatios));
  patches.add(/tfjs-layers\/dist\/models\.js$/, [
    // The model inside is made anew by each `compile`: what is frozen in it stays as it is.
    ['        this.model.trainable = this.trainable;', '        this.model.trainable_ = this.trainable;'],
    [
      '    async trainOnBatch(x, y) {\n        return this.model.trainOnBatch(x, y);',
      '    async trainOnBatch(x, y, args) {\n        return this.model.trainOnBatch(x, y, args);',
    ],
  ]);
  patches.add(/tfjs-layers\/dist\/layers\/recurrent\.js$/, cellsRegularize);
  patches.add(/tfjs-layers\/dist\/layers\/wrappers\.js$/, directionsRegularize);
  patches.add(
    /tfjs-layers\/dist\/variables\.js$/,
    (path, text) => `import { constraining } from ${parts('hooks')};\n${edited(path, text, constrains)}`,
  );
  patches.add(/tfjs-layers\/dist\/engine\/container\.js$/, regularizes);
}
