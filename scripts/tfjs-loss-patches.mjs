// Losses and metrics of tfjs-layers as Keras 3 computes them. Each change checks that the text is as it was when the
// change was written.
import { join } from 'node:path';
import { edited } from './tfjs-patcher.mjs';

/** Takes the lines of a function's body that begin with `begin` up to the function's end. */
function bodyOf(path, text, name, begin = '') {
  const head = `export function ${name}(`;
  const start = text.indexOf(head);
  if (start < 0 || text.indexOf(head, start + 1) >= 0) throw new Error(`${path} is not as expected: ${name}`);
  const end = text.indexOf('\n}', start) + 2;
  const body = text.slice(start, end);
  if (!body.includes(begin)) throw new Error(`${path} is not as expected: ${begin} in ${name}`);
  return body;
}

function withFunctions(path, source, functions) {
  let text = source;
  for (const [name, change] of Object.entries(functions)) {
    const body = bodyOf(path, text, name);
    const changed = change(body);
    if (changed === body) throw new Error(`${path} is not as expected: ${name}`);
    text = text.replace(body, () => changed);
  }
  return text;
}

const ALIGN = '[yTrue, yPred] = aligned(yTrue, yPred);';
const onBlock = (body) => body.replace('return tidy(() => {', () => `return tidy(() => {\n        ${ALIGN}`);
const onExpression = (body) =>
  body.replace(
    /return tidy\(\(\) => (.*)\);\n/,
    (_, value) => `return tidy(() => {\n        ${ALIGN}\n        return ${value};\n    });\n`,
  );

/** Targets of any type, with or without a last dimension of 1; formulas as in keras/src/losses/losses.py. */
const lossFunctions = {
  meanSquaredError: onExpression,
  meanAbsoluteError: onExpression,
  meanAbsolutePercentageError: onBlock,
  meanSquaredLogarithmicError: onBlock,
  categoricalHinge: onBlock,
  logcosh: onBlock,
  poisson: onBlock,
  cosineProximity: onBlock,
  hinge: (body) => onBlock(body).replace(ALIGN, `${ALIGN}\n        yTrue = hingeLabels(yTrue);`),
  squaredHinge: (body) => onBlock(body).replace(ALIGN, `${ALIGN}\n        yTrue = hingeLabels(yTrue);`),
  kullbackLeiblerDivergence: (body) => onBlock(body).replace('tfc.mul(yTrue,', 'tfc.mul(clippedTrue,'),
  // The norm is at least epsilon, not its root.
  l2Normalize: (body) =>
    body.replace('tfc.fill(squareSum.shape, epsilon())', 'tfc.fill(squareSum.shape, epsilon() ** 2)'),
  categoricalCrossentropy: (body) =>
    body.replace(
      'if (fromLogits) {\n            output = tfc.softmax(output);\n        }',
      `const logits = fromLogits ? output : logitsOf('softmax', output);
        if (logits !== undefined) return softmaxCrossEntropy(target, logits);
        if (fromLogits) {
        }`,
    ),
  sparseCategoricalCrossentropy:
    () => `export function sparseCategoricalCrossentropy(target, output, fromLogits = false) {
    return tidy(() => {
        const rows = oneHotOf(classIndices(target, output), output.shape.at(-1));
        const logits = fromLogits ? output : logitsOf('softmax', output);
        return softmaxCrossEntropy(rows, logits ?? tfc.log(tfc.clipByValue(output, epsilon(), 1 - epsilon())));
    });
}`,
  binaryCrossentropy: () => `export function binaryCrossentropy(yTrue, yPred) {
    return tidy(() => {
        const logits = logitsOf('sigmoid', yPred);
        if (logits !== undefined) return tfc.mean(sigmoidCrossEntropy(...aligned(yTrue, logits)), -1);
        ${ALIGN}
        const likely = tfc.clipByValue(yPred, epsilon(), 1 - epsilon());
        const on = tfc.mul(yTrue, tfc.log(likely));
        const off = tfc.mul(tfc.sub(1, yTrue), tfc.log(tfc.sub(1, likely)));
        return tfc.neg(tfc.mean(tfc.add(on, off), -1));
    });
}`,
};

/** The names under which Keras knows losses, as functions and in short. */
/** keras.losses.huber with its default delta of 1. */
const huber = `export function huber(yTrue, yPred) {
    return tidy(() => {
        ${ALIGN}
        const error = tfc.abs(tfc.sub(yTrue, yPred));
        const square = tfc.mul(0.5, tfc.square(error));
        return tfc.mean(tfc.where(tfc.lessEqual(error, 1), square, tfc.sub(error, 0.5)), -1);
    });
}
`;

const lossNames = `
export const otherNames = {
    mse: 'meanSquaredError', MSE: 'meanSquaredError', mae: 'meanAbsoluteError', MAE: 'meanAbsoluteError',
    mape: 'meanAbsolutePercentageError', MAPE: 'meanAbsolutePercentageError',
    msle: 'meanSquaredLogarithmicError', MSLE: 'meanSquaredLogarithmicError',
    bce: 'binaryCrossentropy', BCE: 'binaryCrossentropy',
    kld: 'kullbackLeiblerDivergence', KLD: 'kullbackLeiblerDivergence', klDivergence: 'kullbackLeiblerDivergence',
    logCosh: 'logcosh', cosine: 'cosineProximity', cosineSimilarity: 'cosineProximity',
};
/** A name as this library has it, of a name of Keras (snake case, or short). */
export function knownName(name, map) {
    const camel = name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    return [name, camel, otherNames[name], otherNames[camel]].find((one) => one !== undefined && Object.hasOwn(map, one));
}
`;

function losses(path, source, parts) {
  let text = withFunctions(path, source, lossFunctions);
  text = edited(path, text, [
    [
      `        if (identifierOrFn in lossesMap) {
            return lossesMap[identifierOrFn];
        }`,
      `        const known = knownName(identifierOrFn, lossesMap);
        if (known !== undefined) {
            return lossesMap[known];
        }`,
    ],
    [
      'let errMsg = `Unknown loss ${identifierOrFn}`;',
      'let errMsg = `Unknown loss ${identifierOrFn}: give a function, or one of ${Object.keys(lossesMap).join(", ")}`;',
    ],
    ['export const lossesMap = {', `${huber}${lossNames}export const lossesMap = {`],
    ['    cosineProximity\n};', '    cosineProximity,\n    huber,\n};'],
  ]);
  return `import { aligned, classIndices, hingeLabels, oneHotOf } from ${parts('labels')};
import { softmaxCrossEntropy, sigmoidCrossEntropy } from ${parts('cross-entropy')};
import { logitsOf } from ${parts('logits')};
${text}`;
}

const ratio = (name) => () =>
  `export const ${name} = declareRatio(function ${name}(yTrue, yPred) {
    return tidy(() => divideNoNan(...${name}Parts(yTrue, yPred)));
}, ${name}Parts);`;

const metricFunctions = {
  binaryAccuracy: onBlock,
  precision: ratio('precision'),
  recall: ratio('recall'),
  sparseCategoricalAccuracy: () => `export function sparseCategoricalAccuracy(yTrue, yPred) {
    return tidy(() => tfc.cast(tfc.equal(classIndices(yTrue, yPred), tfc.argMax(yPred, -1)), 'float32'));
}`,
  topKCategoricalAccuracy: () => `export function topKCategoricalAccuracy(yTrue, yPred, k = 5) {
    return tidy(() => inTopK(tfc.argMax(yTrue, -1), yPred, k));
}`,
  sparseTopKCategoricalAccuracy: () => `export function sparseTopKCategoricalAccuracy(yTrue, yPred, k = 5) {
    return tidy(() => inTopK(classIndices(yTrue, yPred), yPred, k));
}`,
};

/** Predictions above one half count as positive (keras/src/metrics/confusion_metrics.py). */
const confusion = `
function positives(yTrue, yPred) {
    const [target, output] = aligned(yTrue, yPred);
    return [tfc.notEqual(target, 0), tfc.greater(output, 0.5)];
}
const counted = (...truths) => tfc.sum(tfc.cast(truths.reduce((a, b) => tfc.logicalAnd(a, b)), 'float32'));
function precisionParts(yTrue, yPred) {
    const [is, said] = positives(yTrue, yPred);
    return [counted(is, said), counted(said)];
}
function recallParts(yTrue, yPred) {
    const [is, said] = positives(yTrue, yPred);
    return [counted(is, said), counted(is)];
}
/** Whether fewer than k classes are likelier than the true one, as tf.math.in_top_k. */
function inTopK(classes, output, k) {
    const chosen = tfc.cast(tfc.oneHot(classes, output.shape.at(-1)), 'float32');
    const score = tfc.sum(tfc.mul(chosen, output), -1, true);
    const likelier = tfc.sum(tfc.cast(tfc.greater(output, score), 'float32'), -1);
    return tfc.cast(tfc.less(likelier, k), 'float32');
}
/** What \`accuracy\` means for these shapes (keras/src/trainers/compile_utils.py, get_metric). */
export function accuracy(yTrue, yPred) {
    return isSparse(yTrue, yPred) ? sparseCategoricalAccuracy(yTrue, yPred) : categoricalAccuracy(yTrue, yPred);
}
/** Keras' metric, which grows with the likeness; its loss of the name, and tfjs's \`cosine\`, fall. */
export function cosineSimilarity(yTrue, yPred) {
    return tidy(() => tfc.neg(cosineProximity(yTrue, yPred)));
}
/** What \`crossentropy\` means for these shapes. */
export function crossentropy(yTrue, yPred) {
    return isSparse(yTrue, yPred) ? sparseCategoricalCrossentropy(yTrue, yPred) : categoricalCrossentropy(yTrue, yPred);
}
`;

function metrics(path, source, parts) {
  let text = withFunctions(path, source, metricFunctions);
  text = edited(path, text, [
    [
      'export const metricsMap = {',
      `${confusion}export const metricsMap = {\n    ...lossesMap,\n    cosineSimilarity,`,
    ],
    [
      '    precision,\n',
      '    precision,\n    recall,\n    binaryCrossentropy,\n    sparseCategoricalAccuracy,\n    topKCategoricalAccuracy,\n    sparseTopKCategoricalAccuracy,\n',
    ],
    [
      `    if (typeof identifier === 'string' && identifier in metricsMap) {
        return metricsMap[identifier];
    }`,
      `    const known = typeof identifier === 'string' ? knownName(identifier, metricsMap) : undefined;
    if (known !== undefined) {
        return metricsMap[known];
    }`,
    ],
    [
      'throw new ValueError(`Unknown metric ${identifier}`);',
      'throw new ValueError(`Unknown metric ${identifier}: give a function, or one of ${Object.keys(metricsMap).join(", ")}`);',
    ],
    ['import { binaryCrossentropy as', 'import { knownName, binaryCrossentropy as'],
  ]);
  return `import { declareRatio, divideNoNan } from ${parts('objective')};
import { aligned, classIndices, isSparse } from ${parts('labels')};
${text}`;
}

/** Activations tell what their probabilities were made from. */
const tellsLogits = [
  ['return tfc.sigmoid(x);', "return madeFrom('sigmoid', x, tfc.sigmoid(x));"],
  [
    'return tfc.softmax(x, axis);',
    `const made = tfc.softmax(x, axis);
        return axis === -1 || axis === x.rank - 1 ? madeFrom('softmax', x, made) : made;`,
  ],
];

/** @param here the folder of the bundle's own parts. */
export function patchLosses(patches, here) {
  const parts = (name) => JSON.stringify(join(here, `${name}.mjs`));
  patches.add(/tfjs-layers\/dist\/losses\.js$/, (path, text) => losses(path, text, parts));
  patches.add(/tfjs-layers\/dist\/metrics\.js$/, (path, text) => metrics(path, text, parts));
  patches.add(
    /tfjs-layers\/dist\/activations\.js$/,
    (path, text) => `import { madeFrom } from ${parts('logits')};\n${edited(path, text, tellsLogits)}`,
  );
}
