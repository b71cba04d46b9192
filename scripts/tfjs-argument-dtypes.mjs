// @ts-check
// Arguments of tfjs's float ops, converted by src/tfjs/argument-dtypes.mjs. This is a rule in code and not a set of
// patches (scripts/tfjs-patches): it changes one expression in the same way in about 35 files.

/** Float ops, by their files. */
const FLOATS =
  'acos|acosh|asin|asinh|atan|atan2|atanh|cos|cosh|elu|erf|exp|expm1|is_finite|is_inf|is_nan|log|log1p|log_sigmoid|log_softmax|' +
  'log_sum_exp|norm|reciprocal|rsqrt|selu|sigmoid|sin|sinh|softmax|softplus|sqrt|tan|tanh';

/** The function of argument-dtypes.mjs that converts the arguments of these files. */
const CONVERSIONS = [
  { files: new RegExp(`^tfjs-core/dist/ops/(${FLOATS})\\.js$`), convert: 'floatArgument' },
  { files: /^tfjs-core\/dist\/ops\/(ceil|floor)\.js$/, convert: 'roundedArgument' },
];

/**
 * The text of a file of tfjs, with each argument converted where the file is one of a float op.
 *
 * @param {string} file such as `tfjs-core/dist/ops/exp.js`
 * @param {string} text
 * @throws Error where a float op converts no argument as expected
 */
export function withConvertedArguments(file, text) {
  const convert = CONVERSIONS.find(({ files }) => files.test(file))?.convert;
  if (convert === undefined) return text;
  const conversion = /convertToTensor\((x|logits|a|b), '(\w+)', '(\w+)'(, 'float32')?\)/g;
  const changed = text.replace(
    conversion,
    (_, x, name, op, type = '') => `${convert}(convertToTensor, ${x}, '${name}', '${op}'${type})`,
  );
  if (changed === text) {
    throw new Error(
      `${file} converts no argument with convertToTensor: adapt scripts/tfjs-argument-dtypes.mjs`,
    );
  }
  return `import { ${convert} } from "tensorcell:tfjs/argument-dtypes.mjs";\n${changed}`;
}
