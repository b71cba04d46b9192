// Single ops of tfjs-core that refuse what TensorFlow takes, or compute something else: corrected while they are bundled.
import { join } from 'node:path';
import { edited } from './tfjs-patcher.mjs';

/** Ops of floats, by their files. */
const FLOATS =
  'acos|acosh|asin|asinh|atan|atan2|atanh|cos|cosh|elu|erf|exp|expm1|is_finite|is_inf|is_nan|log|log1p|log_sigmoid|log_softmax|' +
  'log_sum_exp|norm|reciprocal|rsqrt|selu|sigmoid|sin|sinh|softmax|softplus|sqrt|tan|tanh';

/** Each argument is converted in one line. @param convert the function of argument-dtypes.mjs that takes its place. */
function takesAllNumbers(path, text, dtypes, convert) {
  const conversion = /convertToTensor\((x|logits|a|b), '(\w+)', '(\w+)'(, 'float32')?\)/g;
  const found = [...text.matchAll(conversion)];
  if (found.length === 0) throw new Error(`${path} is not as expected: it converts no argument`);
  return `import { ${convert} } from ${dtypes};\n${edited(
    path,
    text,
    found.map(([whole, x, name, op, type = '']) => [
      whole,
      `${convert}(convertToTensor, ${x}, '${name}', '${op}'${type})`,
    ]),
  )}`;
}

const range = [
  ["stop, step = 1, dtype = 'float32') {", "stop, step, dtype = 'float32') {"],
  ['const attrs = { start, stop, step, dtype };', 'const attrs = rangeArguments(start, stop, step, dtype);'],
];

/** One class is a class, and none is no element. */
const oneHot = [
  [
    `    if (depth < 2) {
        throw new Error(\`Error in oneHot: depth must be >=2, but it is \${depth}\`);
    }`,
    `    if (!(depth >= 0)) {
        throw new Error(\`Error in oneHot: depth must be >= 0, but it is \${depth}\`);
    }`,
  ],
];

const depthToSpace = [
  ["convertToTensor(x, 'x', 'depthToSpace', 'float32')", "convertToTensor(x, 'x', 'depthToSpace')"],
  [
    'util.assert(blockSize > 1, () => `blockSize should be > 1',
    'util.assert(Number.isInteger(blockSize) && blockSize > 1, () => `blockSize should be a whole number > 1',
  ],
];

/** A transform is of one value at least. */
const someValues = (op, declaration) => [
  `${declaration} innerDimensionSize = input.shape[input.shape.length - 1];`,
  `${declaration} innerDimensionSize = input.shape[input.shape.length - 1];
    if (input.rank === 0 || innerDimensionSize === 0) {
        throw new RangeError(\`${op} takes a tensor whose last axis has at least one value, and the shape is [\${input.shape}]\`);
    }`,
];

/** The result has the axes of the input: tfjs makes two of one, and of four and more. */
const irfft = [
  someValues('irfft', 'const'),
  [
    `    if (input.rank === 3 && input.shape[0] !== 0) {
        const temp = ret;
        const batch = input.shape[0];
        ret = reshape(ret, [batch, ret.shape[0] / batch, ret.shape[1]]);
        temp.dispose();
    }
    return ret;`,
    '    return reshape(ret, [...input.shape.slice(0, -1), ret.shape[1]]);',
  ],
];

const bandPart = [
  [
    "    const i = reshape(range(0, M, 1, 'int32'), [-1, 1]);",
    `    const ours = matrices.bandPart?.($a, $numLower, $numUpper);
    if (ours !== undefined) return ours;
    const i = reshape(range(0, M, 1, 'int32'), [-1, 1]);`,
  ],
];

/** tfjs's own form also for batches of matrices that are not square. */
const qr = [
  [
    '    if (x.rank === 2) {',
    `    const ours = matrices.qr?.(x, fullMatrices);
    if (ours !== undefined) return ours;
    if (x.rank === 2) {`,
  ],
  [
    '        const q = reshape(stack(q2ds, 0), x.shape);\n        const r = reshape(stack(r2ds, 0), x.shape);',
    `        const batched = (parts) => reshape(stack(parts, 0), [...x.shape.slice(0, -2), ...parts[0].shape]);
        const q = batched(q2ds);
        const r = batched(r2ds);`,
  ],
];

/** The largest number is taken off where it is finite (reduce_logsumexp in tensorflow/python/ops/math_ops.py). */
const logSumExp = [
  [
    'const xMax = max($x, axes, true /* keepDims */);',
    `const largest = max($x, axes, true /* keepDims */);
    const xMax = where(isFinite(largest), largest, zerosLike(largest));`,
  ],
  [
    "import { sum } from './sum';",
    `import { sum } from './sum';
import { isFinite } from './is_finite';
import { where } from './where';
import { zerosLike } from './zeros_like';`,
  ],
];

/** A grid is made of copies: a product with ones refuses truth values. */
const meshgrid = [
  ['matMul(ones([h, 1], $x.dtype), $x),', 'broadcastTo($x, [h, w]),'],
  ['matMul($y, ones([1, w], $y.dtype)),', 'broadcastTo($y, [h, w]),'],
  ['matMul($x, ones([1, h], $x.dtype)),', 'broadcastTo($x, [w, h]),'],
  ['matMul(ones([w, 1], $y.dtype), $y),', 'broadcastTo($y, [w, h]),'],
  [
    "import { matMul } from './mat_mul';\nimport { ones } from './ones';",
    "import { broadcastTo } from './broadcast_to';",
  ],
];

/** Norms of matrices at any two axes, in any order and from the end: tfjs takes other axes for those. */
const norm = [
  [
    '    if (Array.isArray(axis) && axis.length === 2) {',
    `    const euclidean = p === 'fro' || p === 'euclidean';
    if (Array.isArray(axis) && (axis.length === 2 || (axis.length > 2 && euclidean))) {
        const [rows, columns] = parseAxisParam(axis, x.shape);
        const outside = x.shape.filter((_, i) => i !== rows && i !== columns);
        const ofSums = (reduce, inner, outer) => reshape(reduce(sum(abs(x), inner, true), outer, true), outside);`,
  ],
  ['return max(sum(abs(x), axis[0]), axis[1] - 1);', 'return ofSums(max, rows, columns);'],
  ['return max(sum(abs(x), axis[1]), axis[0]);', 'return ofSums(max, columns, rows);'],
  ['return min(sum(abs(x), axis[1]), axis[0]);', 'return ofSums(min, columns, rows);'],
];

/** What fills the end has the signal's dtype. */
const frame = [['fill([padLen], padValue)', 'fill([padLen], padValue, signal.dtype)']];

/** As many indices as were asked for, also where there are fewer boxes. */
const paddedBoxes = [
  [
    'const $maxOutputSize = params.maxOutputSize;',
    'const $maxOutputSize = padToMaxOutputSize ? maxOutputSize : params.maxOutputSize;',
  ],
];

/** tfjs's form in JavaScript drops boxes that overlap by exactly the threshold; TensorFlow's op keeps them. */
function asksTheKernel(path, text, dtypes) {
  const [, name, parameters] = /async function (\w+)Async_\(([^)]*)\) \{/.exec(text) ?? [];
  if (name === undefined) throw new Error(`${path} is not as expected`);
  const file = path.replaceAll('\\', '/').split('/').at(-1).replace('_async.js', '');
  const names = parameters.split(',').map((one) => one.split('=')[0].trim());
  const head = `async function ${name}Async_(${parameters}) {`;
  return `import { onTensorflow } from ${dtypes};\nimport { ${name} } from './${file}';\n${edited(
    path,
    text,
    [[head, `${head}\n    if (onTensorflow()) return ${name}(${names.join(', ')});`]],
  )}`;
}

/** @param here the folder of the bundle's own parts. @param hooks the hooks' file, as text of an import. */
export function patchOps(patches, here, hooks) {
  const dtypes = JSON.stringify(join(here, 'argument-dtypes.mjs'));
  const ops = (names) => new RegExp(`tfjs-core/dist/ops/(${names})\\.js$`);
  const withHooks = (edits) => (path, text) =>
    `import { matrices } from ${hooks};\n${edited(path, text, edits)}`;
  patches.add(ops(FLOATS), (path, text) => takesAllNumbers(path, text, dtypes, 'floatArgument'));
  patches.add(ops('ceil|floor'), (path, text) => takesAllNumbers(path, text, dtypes, 'roundedArgument'));
  patches.add(
    ops('range'),
    (path, text) => `import { rangeArguments } from ${dtypes};\n${edited(path, text, range)}`,
  );
  patches.add(ops('log_sum_exp'), logSumExp);
  patches.add(ops('meshgrid'), meshgrid);
  patches.add(ops('norm'), norm);
  patches.add(ops('signal/frame'), frame);
  patches.add(ops('one_hot'), oneHot);
  patches.add(ops('depth_to_space'), depthToSpace);
  patches.add(ops('spectral/irfft'), irfft);
  patches.add(ops('spectral/rfft'), [someValues('rfft', 'let')]);
  patches.add(ops('linalg/band_part'), withHooks(bandPart));
  patches.add(ops('linalg/qr'), withHooks(qr));
  patches.add(ops('image/non_max_suppression_padded(_async)?'), paddedBoxes);
  patches.add(ops('image/non_max_suppression(_padded|_with_score)?_async'), (path, text) =>
    asksTheKernel(path, text, dtypes),
  );
}
