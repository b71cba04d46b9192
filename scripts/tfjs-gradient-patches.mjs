// What tfjs's gradient engine does wrong, corrected while it is bundled: gradients of gradients that pass through a saved
// result, complex numbers, custom gradients inside other gradients; and ops whose own gradient is not the derivative. Each
// change checks that the text is as it was when the change was written.
import { edited } from './tfjs-patcher.mjs';

const engine = [
  // The gradient of a copy has the copy's kind of number; tfjs casts complex gradients to real ones.
  [
    `                const dtype = 'float32';
                const gradInputs = { x: dy };`,
    `                if (dy.dtype === 'float32' || dy.dtype === 'complex64')
                    return ENGINE.runKernel(Identity, { x: dy });
                const dtype = 'float32';
                const gradInputs = { x: dy };`,
  ],
  // tfjs records the copies of saved results before the op that makes the results, so that a second gradient does not
  // see that they depend on the op's inputs: it is refused, or silently lacks these terms.
  [
    `        let outputs;
        let saved = [];
        const isTapeOn = this.isTapeOn();`,
    `        let outputs;
        let saved = [];
        const isTapeOn = this.isTapeOn();
        const tape = this.state.activeTape;
        const place = isTapeOn ? tape.length : 0;`,
  ],
  [
    'this.addTapeNode(kernelOrScopeName, inputs, outputs, backwardsFunc, saved, attrs);',
    `this.addTapeNode(kernelOrScopeName, inputs, outputs, backwardsFunc, saved, attrs);
            if (tape.length - 1 > place) tape.splice(place, 0, tape.pop());`,
  ],
  [
    `                        const vals = util.makeZerosTypedArray(output.size, output.dtype);
                        return this.makeTensor(vals, output.shape, output.dtype);`,
    `                        const real = (dtype) =>
                            this.makeTensor(util.makeZerosTypedArray(output.size, dtype), output.shape, dtype);
                        if (output.dtype === 'complex64')
                            return this.tidy(() =>
                                this.runKernel('Complex', { real: real('float32'), imag: real('float32') }));
                        return real(output.dtype === 'string' ? 'float32' : output.dtype);`,
  ],
  [
    `        if (dy != null && dy.dtype !== 'float32') {
            throw`,
    `        if (dy != null && dy.dtype !== 'float32' && dy.dtype !== 'complex64') {
            throw`,
  ],
  [
    `            accumulatedGradientMap[y.id] = (dy == null) ? ones(y.shape) : dy;`,
    `            accumulatedGradientMap[y.id] = (dy == null) ? ones(y.shape) : dy;
            if (y.dtype === 'complex64' && accumulatedGradientMap[y.id].dtype === 'float32')
                accumulatedGradientMap[y.id] =
                    this.runKernel(Cast, { x: accumulatedGradientMap[y.id] }, { dtype: 'complex64' });`,
  ],
  // Inside another gradient what a custom gradient saves may depend on its inputs: its ops are recorded, and its result
  // is a copy that has the custom gradient (as in tensorflow/python/ops/custom_gradient.py).
  [
    `            return this.runKernelFunc({
                forwardFunc,
                backwardsFunc,
                inputs: inputMap,
            });`,
    `            if (this.isTapeOn() && this.state.gradientDepth > 1) {
                return this.tidy(() => {
                    let saved = [];
                    const unrecorded = (f) =>
                        this.scopedRun(() => this.state.kernelDepth++, () => this.state.kernelDepth--, f);
                    const value = forwardFunc(this.backend, (tensors) => unrecorded(() => {
                        saved = tensors.map((tensor) => this.keep(this.clone(tensor)));
                    }));
                    let copy;
                    unrecorded(() => {
                        copy = this.runKernel(Identity, { x: value });
                    });
                    this.addTapeNode('customGrad', inputMap, [copy], backwardsFunc, saved, {});
                    return copy;
                });
            }
            return this.runKernelFunc({
                forwardFunc,
                backwardsFunc,
                inputs: inputMap,
            });`,
  ],
  // In test mode tfjs counts what a function leaves behind: what it saves for its gradient stays on purpose.
  [
    'this.checkKernelForMemLeak(kernelOrScopeName, numDataIdsBefore, outs);',
    `this.checkKernelForMemLeak(kernelOrScopeName, numDataIdsBefore + new Set(saved
                        .map(({ dataId }) => dataId)
                        .filter((id) => ![...Object.values(inputs), ...outs].some((one) => one.dataId === id))).size, outs);`,
  ],
];

const tape = [
  [
    `            if (dx.dtype !== 'float32') {`,
    `            if (dx.dtype !== (node.inputs[inputName].dtype === 'complex64' ? 'complex64' : 'float32')) {`,
  ],
  [
    "The gradient of input ` +\n                    `${inputName} must have 'float32' dtype, but has '${dx.dtype}'`",
    "The gradient of input ` +\n                    `${inputName} must have '${node.inputs[inputName].dtype === 'complex64' ? 'complex64' : 'float32'}' dtype, but has '${dx.dtype}'`",
  ],
  ['`for ${node.kernelName}.`', '`for ${node.kernelName}.${withoutGradient.reason(node.kernelName)}`'],
];

/** The loss is -sum(labels * log softmax): tfjs gives the labels the gradient of the logits with the sign turned. */
const gradientOfLabels = [
  [
    "mul(reshape(dy, dyShape), sub(cast(labels, 'float32'), exp(logResult))),",
    'neg(mul(reshape(dy, dyShape), logResult)),',
  ],
];

/** The quotient that is not taken must not be infinite: its gradient would be NaN, where TensorFlow's is 0. */
const dividesWhereDefined = [
  [
    `    const divResult = div($a, $b);
    const zeros = zerosLike(divResult);
    const bEqualsZero = equal($b, zeros);
    return where(bEqualsZero, zeros, divResult);`,
    `    const bEqualsZero = equal($b, zerosLike($b));
    const divResult = div($a, where(bEqualsZero, onesLike($b), $b));
    return where(bEqualsZero, zerosLike(divResult), divResult);`,
  ],
  [
    "import { zerosLike } from './zeros_like';",
    "import { onesLike } from './ones_like';\nimport { zerosLike } from './zeros_like';",
  ],
];

/**
 * max(x, 0) and |x| chosen by the sign of x, as in TensorFlow's `sigmoid_cross_entropy_with_logits`: the slopes of `relu` and
 * `abs` at 0 are both 0, which gives a logit of 0 the gradient -label instead of 0.5 - label.
 */
const slopeAtLogitsOfZero = [
  [
    'const maxOutput = relu($logits);',
    `const positive = greaterEqual($logits, 0);
    const maxOutput = where(positive, $logits, zerosLike($logits));`,
  ],
  [
    'const sigmoidOutput = log1p(exp(neg(abs($logits))));',
    'const sigmoidOutput = log1p(exp(where(positive, neg($logits), $logits)));',
  ],
  ["import { abs } from '../abs';\n", "import { greaterEqual } from '../greater_equal';\n"],
  [
    "import { relu } from '../relu';",
    "import { where } from '../where';\nimport { zerosLike } from '../zeros_like';",
  ],
];

/** Squares of the differences themselves: as squares of |x| they have no second derivative at 0. */
const curvatureOfHuber = [
  [
    `    const error = abs(sub($predictions, $labels));
    const quadratic = minimum(error, deltaScalar);
    const linear = sub(error, quadratic);
    const losses = add(mul(scalar(0.5), square(quadratic)), mul(deltaScalar, linear));`,
    `    const difference = sub($predictions, $labels);
    const error = abs(difference);
    const linear = mul(deltaScalar, sub(error, mul(scalar(0.5), deltaScalar)));
    const losses = where(lessEqual(error, deltaScalar), mul(scalar(0.5), square(difference)), linear);`,
  ],
  ["import { add } from '../add';\n", ''],
  [
    "import { minimum } from '../minimum';",
    "import { lessEqual } from '../less_equal';\nimport { where } from '../where';",
  ],
];

/** The same for Euclidean norms; |x|^2 of complex numbers is the sum of two squares, also in a matrix. */
const curvatureOfNorm = [
  ["return sqrt(sum(pow(abs(x), scalar(2, 'int32')), axis));", 'return sqrt(sum(squareOfAbs(x), axis));'],
  ['return sqrt(sum(square(x), axis));', 'return sqrt(sum(squareOfAbs(x), axis));'],
  [
    'function normImpl(',
    `function squareOfAbs(x) {
    return x.dtype === 'complex64' ? add(square(real(x)), square(imag(x))) : square(x);
}
function normImpl(`,
  ],
  [
    "import { pow } from './pow';",
    "import { add } from './add';\nimport { imag } from './imag';\nimport { real } from './real';",
  ],
  ["import { scalar } from './scalar';\n", ''],
];

/** A padding in numbers is one of the sequence: tfjs pads the height that it adds, too. */
const padsTheSequence = [
  [
    'conv2d(input4D, filter4D, strides, pad, conv2dDataFormat, dilations, dimRoundingMode)',
    "conv2d(input4D, filter4D, strides, typeof pad === 'number' ? [[0, 0], [0, 0], [pad, pad], [0, 0]] : pad, conv2dDataFormat, dilations, dimRoundingMode)",
  ],
];

/** A length of 1 may be repeated no time: the gradient of that is 0. */
const repeatedNoTime = [['(inDim === 1 && outDim > 1)', '(inDim === 1 && outDim !== 1)']];

/** @param hooks the file that tells why an op has no gradient, as text of an import. */
export function patchGradients(patches, hooks) {
  patches.add(/tfjs-core\/dist\/engine\.js$/, engine);
  patches.add(
    /tfjs-core\/dist\/tape\.js$/,
    (path, text) => `import { withoutGradient } from ${hooks};\n${edited(path, text, tape)}`,
  );
  patches.add(/tfjs-core\/dist\/ops\/losses\/softmax_cross_entropy\.js$/, gradientOfLabels);
  patches.add(/tfjs-core\/dist\/ops\/losses\/sigmoid_cross_entropy\.js$/, slopeAtLogitsOfZero);
  patches.add(/tfjs-core\/dist\/ops\/losses\/huber_loss\.js$/, curvatureOfHuber);
  patches.add(/tfjs-core\/dist\/ops\/norm\.js$/, curvatureOfNorm);
  patches.add(/tfjs-core\/dist\/ops\/conv1d\.js$/, padsTheSequence);
  patches.add(/tfjs-core\/dist\/ops\/broadcast_util\.js$/, repeatedNoTime);
  patches.add(/tfjs-core\/dist\/ops\/div_no_nan\.js$/, dividesWhereDefined);
}
