import type { Tensor } from '@tensorflow/tfjs';
import { boolAttribute, type GradientTools } from './gradient-tools.ts';

/** Gradients of products of matrices and of `einsum`, after tensorflow/python/ops/math_grad.py and linalg_ops. */
export function installLinearGradients(tools: GradientTools): void {
  const { tf, define, replaceKernel, run, conj, numbers, sumTo } = tools;

  replaceKernel('BatchMatMul', (original) => (inputs, attributes) => {
    const { a, b } = inputs as { a: Tensor; b: Tensor };
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    // The plain product is faster, and it is what TensorFlow can fuse with a bias and an activation.
    if (a.shape.length === 2 && b.shape.length === 2) {
      return run(
        'MatMul',
        [a, b],
        [boolAttribute('transpose_a', transposeA), boolAttribute('transpose_b', transposeB)],
      );
    }
    if (a.dtype !== 'complex64') return original(inputs, attributes);
    // TensorFlow's batched op transposes and conjugates at once.
    return tf.tidy(
      () => original({ a: transposeA ? conj(a) : a, b: transposeB ? conj(b) : b }, attributes) as Tensor,
    );
  });

  // Each product is that of the other operand with dy, and batches that were repeated are added up.
  define('BatchMatMul', { inputs: ['a', 'b'] }, (dy, saved, attributes) => {
    const [a, b] = saved as [Tensor, Tensor];
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    const factor = (x: Tensor) => conj(numbers(x));
    const toShape = (gradient: Tensor, of: Tensor) => {
      const same =
        gradient.shape.length === of.shape.length && gradient.shape.every((n, i) => n === of.shape[i]);
      return same ? gradient : sumTo(gradient, of.shape);
    };
    return {
      a: () =>
        toShape(
          transposeA
            ? tf.matMul(factor(b), dy, transposeB, true)
            : tf.matMul(dy, factor(b), false, !transposeB),
          a,
        ),
      b: () =>
        toShape(
          transposeB
            ? tf.matMul(dy, factor(a), true, transposeA)
            : tf.matMul(factor(a), dy, !transposeA, false),
          b,
        ),
    };
  });

  installEinsum(tools);
}

/** Labels of an equation's inputs and its output. @throws Error for an equation that cannot be read. */
function parseEquation(
  equation: string,
  shapes: readonly (readonly number[])[],
): {
  inputs: string[][];
  output: string[];
} {
  const compact = equation.replaceAll(' ', '');
  const [left = '', right, ...more] = compact.split('->');
  const terms = left.split(',');
  if (more.length > 0 || right === undefined) {
    throw new Error(`einsum needs an equation with one "->", as in "ij,jk->ik", and got "${equation}"`);
  }
  if (terms.length !== shapes.length) {
    throw new Error(`einsum "${equation}" is about ${terms.length} tensors, and got ${shapes.length}`);
  }
  // Axes of an ellipsis, counted from the last one, since they are broadcast.
  const dots = terms.map((term, i) => {
    const named = term.replace('...', '').length;
    const rank = (shapes[i] as number[]).length;
    const hidden = term.includes('...') ? rank - named : 0;
    if (hidden < 0 || (!term.includes('...') && named !== rank)) {
      throw new Error(
        `einsum "${equation}": "${term}" does not fit a tensor of shape [${(shapes[i] as number[]).join()}]`,
      );
    }
    return hidden;
  });
  const widest = Math.max(0, ...dots);
  const ellipsis = (count: number) => Array.from({ length: count }, (_, i) => `.${widest - count + i}`);
  const labels = (term: string, count: number): string[] => {
    const [before = '', after = ''] = term.split('...');
    return [...before.split(''), ...(term.includes('...') ? ellipsis(count) : []), ...after.split('')];
  };
  return { inputs: terms.map((term, i) => labels(term, dots[i] as number)), output: labels(right, widest) };
}

/** Labels as an equation of single letters. */
function written(inputs: readonly (readonly string[])[], output: readonly string[]): string {
  const letters = new Map<string, string>();
  const letter = (label: string) => {
    if (!letters.has(label)) {
      // Letters from a to z, then from A.
      const code = letters.size < 26 ? 97 + letters.size : 39 + letters.size;
      letters.set(label, String.fromCharCode(code));
    }
    return letters.get(label) as string;
  };
  // Labels of an ellipsis stay one: TensorFlow broadcasts those only.
  const term = (labels: readonly string[]) =>
    labels
      .map((label, i) => (label[0] !== '.' ? letter(label) : labels[i - 1]?.[0] === '.' ? '' : '...'))
      .join('');
  return `${inputs.map(term).join(',')}->${term(output)}`;
}

function installEinsum(tools: GradientTools): void {
  const { tf, define, replaceKernel } = tools;

  // TensorFlow's op takes one tensor or two.
  replaceKernel('Einsum', (original) => (inputs, attributes) => {
    const tensors = Object.values(inputs);
    if (tensors.length <= 2) return original(tensors as never, attributes);
    const parsed = parseEquation(
      attributes['equation'] as string,
      tensors.map(({ shape }) => shape),
    );
    return tf.tidy(() => {
      let result = tensors[0] as Tensor;
      let labels = parsed.inputs[0] as string[];
      for (let i = 1; i < tensors.length; i++) {
        const next = parsed.inputs[i] as string[];
        const later = new Set([...parsed.inputs.slice(i + 1).flat(), ...parsed.output]);
        const kept = [...new Set([...labels, ...next])].filter((label) => later.has(label));
        const output = i === tensors.length - 1 ? parsed.output : kept;
        result = tf.einsum(written([labels, next], output), result, tensors[i] as Tensor);
        labels = output;
      }
      return result;
    });
  });

  define('Einsum', { all: true }, (dy, saved, attributes) => {
    const gradient = einsumGradient(tools, dy, saved, attributes['equation'] as string);
    return Object.fromEntries(saved.map((_, k) => [String(k), () => gradient(k)]));
  });
}

/** A value and the label of each of its axes. */
interface Labelled {
  value: Tensor;
  labels: readonly string[];
}

/** The gradients of the operands of an einsum, by their number. */
function einsumGradient(
  { tf, conj, numbers }: GradientTools,
  dy: Tensor,
  saved: readonly Tensor[],
  equation: string,
): (k: number) => Tensor {
  const shapes = saved.map(({ shape }) => shape);
  const parsed = parseEquation(equation, shapes);
  const sizes = new Map<string, number>();
  for (const [i, labels] of parsed.inputs.entries()) {
    for (const [axis, label] of labels.entries()) {
      sizes.set(label, Math.max(sizes.get(label) ?? 1, shapes[i]?.[axis] ?? 1));
    }
  }
  const size = (label: string): number => sizes.get(label) ?? 1;

  /** The product of dy with the other operands, over the labels that this operand has in common with them. */
  const product = (k: number, distinct: readonly string[]): Labelled => {
    const others = saved.filter((_, i) => i !== k).map((other) => conj(numbers(other)));
    const otherLabels = parsed.inputs.filter((_, i) => i !== k);
    const there = new Set([...parsed.output, ...otherLabels.flat()]);
    // The ellipsis as a whole: what this tensor lacks of it was repeated for it, and is added up.
    const dots = [...there].filter((label) => label[0] === '.').sort();
    const reached = [...dots, ...distinct.filter((label) => label[0] !== '.' && there.has(label))];
    const value = tf.einsum(written([parsed.output, ...otherLabels], reached), dy, ...others);
    const repeated = dots.filter((label) => !distinct.includes(label)).length;
    if (repeated === 0) return { value, labels: reached };
    const axes = Array.from({ length: repeated }, (_, i) => i);
    return { value: tf.sum(value, axes), labels: reached.slice(repeated) };
  };

  /** Axes for labels that this operand alone has: they were added up over, and each place has the gradient of the sum. */
  const spread = ({ value, labels }: Labelled, distinct: readonly string[]): Labelled => {
    const alone = distinct.filter((label) => !labels.includes(label));
    if (alone.length === 0) return { value, labels };
    const { shape } = value;
    const narrow = tf.reshape(value, [...shape, ...alone.map(() => 1)]);
    return {
      value: tf.broadcastTo(narrow, [...shape, ...alone.map(size)]),
      labels: [...labels, ...alone],
    };
  };

  return (k) => {
    const labels = parsed.inputs[k] ?? [];
    const distinct = [...new Set(labels)];
    let { value, labels: places } = spread(product(k, distinct), distinct);
    // A label that stands twice takes the diagonal.
    for (const [axis, label] of labels.entries()) {
      if (labels.indexOf(label) === axis) continue;
      const copy = `${label}'${axis}`;
      const next = [...places, copy];
      value = tf.einsum(written([places, [label, copy]], next), value, tf.eye(size(label)));
      places = next;
    }
    const order = labels.map((label, axis) =>
      places.indexOf(labels.indexOf(label) === axis ? label : `${label}'${axis}`),
    );
    if (!order.every((place, i) => place === i)) value = tf.transpose(value, order);
    const shape = shapes[k] ?? [];
    if (value.shape.every((length, i) => length === shape[i])) return value;
    // An axis of an ellipsis that has one place here was repeated.
    const single = shape.flatMap((length, i) => (length === 1 && value.shape[i] !== 1 ? [i] : []));
    return tf.sum(value, single, true);
  };
}
