import type { GradientCase, Loose } from './case.ts';
import { opsOf, reasonWithout } from './ops.ts';
import type { Judged } from './judge.ts';

/** docs/gradients.md, from what the cases came to. */

const HEAD = `# Gradients

\`tf.grad\`, \`tf.grads\`, \`tf.valueAndGrads\`, \`tf.variableGrads\` and optimizers differentiate every op below, eagerly and in
compiled functions, and differentiate the gradients again. The column "Cases" counts combinations of
attributes (paddings, formats, strides, dilations, axes, broadcasting, ties, factors and bases of 0, and so on). A case passes
if the gradients of both orders equal numeric differences, and, in the cases that "Compared with" counts, those of TensorFlow 2.21, or
those of JAX where TensorFlow's are NaN or wrong. \`npm test\` runs the cases and fails if this table differs from the results.

- _yes_: the op has a gradient. _yes, 0_: the derivative is 0 wherever it exists, and does not stop the gradients of other paths.
- A gradient that does not depend on the input, such as that of \`x.mul(2)\`, has no gradient itself: the error of \`tf.grad\` reports that the
  result does not depend on \`x\`, as in tfjs.
- Where a function has a kink, the gradient is TensorFlow's: equal extremes share it in \`max\` and \`min\`, the first argument
  has it in \`maximum\` and \`minimum\`, and \`relu\` has 0 at 0.
- Complex numbers follow TensorFlow: the gradient of a real result with respect to \`a + bi\` is that of \`a\` plus \`i\` times
  that of \`b\`.
- \`where(condition, f(x), 0)\` has no NaN where the slope of \`f\` is infinite and \`f\` is \`sqrt\` or \`rsqrt\`. For other functions, for
  example \`log\`, select the argument as well: \`where(c, log(where(c, x, 1)), 0)\`. TensorFlow does the same.
- Three numbers differ from TensorFlow, whose gradients are wrong in these cases: \`cumprod\` with a 0, the second order of \`prod\` with a 0, and
  the second order of \`resizeBilinear\`. JAX has the same numbers as Tensorcell for the first two.

`;

const FOOT = `
This page is generated: \`node test/tensorflow/gradients/make-table.mjs\`. TensorFlow's and JAX's numbers are in
\`test/tensorflow/gradients/goldens.json\`, made by \`make-goldens.mjs\` in the same folder.
`;

export interface Result {
  one: GradientCase;
  judged: Judged;
  problems: readonly string[];
}

/** The page as Markdown, before it is formatted. @throws Error for an op without a case and without a reason. */
export function gradientPage(tf: Loose, results: readonly Result[]): string {
  const rows = opsOf(tf).map((op) => {
    const own = results.filter(({ one }) => one.op === op);
    const reason = reasonWithout(op);
    if (own.length === 0) {
      if (reason === undefined)
        throw new Error(`${op} has neither a case nor a reason why it has no gradient`);
      return [`\`${op}\``, 'no', 'no', '', '', reason];
    }
    if (reason !== undefined) throw new Error(`${op} has a case, and a reason why it has no gradient`);
    const order = (which: 'first' | 'second') => {
      if (own.some(({ problems }) => problems.length > 0)) return 'WRONG';
      const still = own.every(
        ({ one, judged }) => one.constant === true || judged[which].flat().every((value) => value === 0),
      );
      return still ? 'yes, 0' : 'yes';
    };
    const references = [
      ['TensorFlow', own.filter(({ one }) => one.python !== undefined && one.jax === undefined).length],
      ['JAX', own.filter(({ one }) => one.jax !== undefined).length],
    ] as const;
    return [
      `\`${op}\``,
      order('first'),
      order('second'),
      String(own.length),
      references.flatMap(([name, count]) => (count > 0 ? [`${name}: ${count}`] : [])).join(', '),
    ];
  });
  const lines = [
    ['Op', 'First', 'Second', 'Cases', 'Compared with', 'Why not'],
    ['-', '-', '-', '-:', '-:', '-'],
    ...rows,
  ];
  return `${HEAD}${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n${FOOT}`;
}
