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
export function parseEquation(
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
  const { tf, define, replaceKernel, conj, numbers } = tools;

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
    const equation = attributes['equation'] as string;
    const parsed = parseEquation(
      equation,
      saved.map(({ shape }) => shape),
    );
    const sizes = new Map<string, number>();
    for (const [i, labels] of parsed.inputs.entries()) {
      for (const [axis, label] of labels.entries()) {
        sizes.set(label, Math.max(sizes.get(label) ?? 1, saved[i]?.shape[axis] as number));
      }
    }
    const gradient = (k: number): Tensor => {
      const x = saved[k] as Tensor;
      const labels = parsed.inputs[k] as string[];
      const distinct = [...new Set(labels)];
      const others = saved.filter((_, i) => i !== k).map((other) => conj(numbers(other)));
      const otherLabels = parsed.inputs.filter((_, i) => i !== k);
      const there = new Set([...parsed.output, ...otherLabels.flat()]);
      // The ellipsis as a whole: what this tensor lacks of it was repeated for it, and is added up.
      const dots = [...new Set([...otherLabels, parsed.output].flat())]
        .filter((label) => label[0] === '.')
        .sort();
      const reached = [...dots, ...distinct.filter((label) => label[0] !== '.' && there.has(label))];
      let result = tf.einsum(written([parsed.output, ...otherLabels], reached), dy, ...others);
      const repeated = dots.filter((label) => !distinct.includes(label)).length;
      if (repeated > 0) {
        result = tf.sum(
          result,
          Array.from({ length: repeated }, (_, i) => i),
        );
      }
      let places = reached.slice(repeated);
      // A label that this tensor alone has was added up over: each place has the gradient of the sum.
      const alone = distinct.filter((label) => !places.includes(label));
      if (alone.length > 0) {
        const wide = alone.map((label) => sizes.get(label) as number);
        const shape = result.shape;
        result = tf.broadcastTo(tf.reshape(result, [...shape, ...wide.map(() => 1)]), [...shape, ...wide]);
        places = [...places, ...alone];
      }
      // A label that stands twice takes the diagonal.
      for (const [axis, label] of labels.entries()) {
        if (labels.indexOf(label) === axis) continue;
        const own = `${label}'${axis}`;
        const next = [...places, own];
        result = tf.einsum(written([places, [label, own]], next), result, tf.eye(sizes.get(label) as number));
        places = next;
      }
      const order = labels.map((label, axis) =>
        places.indexOf(labels.indexOf(label) === axis ? label : `${label}'${axis}`),
      );
      result = order.every((place, i) => place === i) ? result : tf.transpose(result, order);
      const same = result.shape.every((size, i) => size === x.shape[i]);
      if (same) return result;
      // An axis of an ellipsis that has one place here was repeated.
      const single = x.shape.flatMap((size, i) => (size === 1 && result.shape[i] !== 1 ? [i] : []));
      return tf.sum(result, single, true);
    };
    return Object.fromEntries(saved.map((_, k) => [String(k), () => gradient(k)]));
  });
}
