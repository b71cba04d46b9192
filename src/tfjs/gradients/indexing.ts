import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import {
  intAttribute,
  typeAttribute,
  type GradientTools,
  numberList,
  numberPairs,
  tensorAt,
} from './gradient-tools.ts';
import { TF } from '../../engines/dtypes.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/**
 * Gradients of ops that take parts of a tensor or put parts together, after tensorflow/python/ops/array_grad.py. Indices
 * have no gradient.
 */
export function installIndexingGradients(tools: GradientTools): void {
  installPlaces(tools);
  installGather(tools);
  installStridedSlices(tools);
  installPaddings(tools);
  installSegments(tools);
  installArrangements(tools);
}

/** Ops that read or write places of a tensor. */
function installPlaces({ tf, define, noGradient }: GradientTools): void {
  define('GatherNd', { inputs: ['params', 'indices'] }, (dy, saved) => {
    const [params, indices] = saved as [Tensor, Tensor];
    return {
      params: () => tf.scatterND(indices, dy, params.shape),
      indices: () => noGradient(indices),
    };
  });
  define('ScatterNd', { inputs: ['indices', 'updates'] }, (dy, saved) => {
    const [indices, updates] = saved as [Tensor, Tensor];
    return {
      // tfjs takes a list of indices for places in one dimension.
      updates: () =>
        tf.reshape(
          tf.gatherND(dy, indices.rank === 1 ? tf.reshape(indices, [indices.size, 1]) : indices),
          updates.shape,
        ),
      indices: () => noGradient(indices),
    };
  });
  define('TensorScatterUpdate', { inputs: ['indices', 'updates'] }, (dy, saved) => {
    const [indices, updates] = saved as [Tensor, Tensor];
    return {
      tensor: () => tf.tensorScatterUpdate(dy, indices, tf.zerosLike(updates)),
      updates: () => tf.gatherND(dy, indices),
      indices: () => noGradient(indices),
    };
  });
  define('SparseToDense', { inputs: ['sparseIndices', 'sparseValues'] }, (dy, saved) => {
    const [indices, values] = saved as [Tensor, Tensor];
    const places = () => (indices.rank < 2 ? tf.reshape(indices, [indices.size, 1]) : indices);
    const all = () => tf.reshape(tf.gatherND(dy, places()), [-1]);
    return {
      sparseIndices: () => noGradient(indices),
      sparseValues: () => (values.rank === 0 ? tf.sum(all()) : tf.reshape(all(), values.shape)),
      defaultValue: () => tf.sub(tf.sum(dy), tf.sum(all())),
    };
  });
}

function installSegments({ tf, define, defineList, noGradient }: GradientTools): void {
  define('UnsortedSegmentSum', { inputs: ['segmentIds'] }, (dy, saved) => {
    const [ids] = saved as [Tensor];
    return {
      x: () => {
        const gathered = tf.gather(dy, tf.maximum(ids, tf.scalar(0, 'int32')));
        const rows = [...ids.shape, ...Array.from({ length: gathered.rank - ids.rank }, () => 1)];
        // Rows with an id below 0 were left out.
        return tf.where(tf.reshape(tf.greaterEqual(ids, 0), rows), gathered, tf.zerosLike(gathered));
      },
      segmentIds: () => noGradient(ids),
    };
  });

  defineList('TopK', { inputs: ['x'], outputs: [false, true] }, (dys, saved) => {
    const [x, indices] = saved as [Tensor, Tensor];
    const dy = tensorAt(dys, 0);
    return {
      x: () => {
        const size = x.shape.at(-1) as number;
        const rows = x.size / size;
        const flat = tf.add(
          tf.reshape(indices, [rows, -1]),
          tf.reshape(tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(size, 'int32')), [rows, 1]),
        );
        return tf.reshape(
          tf.unsortedSegmentSum(tf.reshape(dy, [-1]), tf.reshape(flat, [-1]) as never, x.size),
          x.shape,
        );
      },
    };
  });
}

/** Ops that arrange the same values in another way. */
function installArrangements(tools: GradientTools): void {
  const { tf, define, call } = tools;
  define('Concat', { all: true }, (dy, saved, attributes) => {
    const axis = tf.util.parseAxisParam(
      attributes['axis'] as number,
      (saved[0] as Tensor).shape,
    )[0] as number;
    // At once: what is made in a single gradient's function is gone after it.
    const parts = tf.split(
      dy,
      saved.map(({ shape }) => shape[axis] as number),
      axis,
    );
    return Object.fromEntries(parts.map((part, i) => [String(i), () => part]));
  });
  define('Diag', { inputs: ['x'] }, (dy, saved) => {
    const [x] = saved as [Tensor];
    return {
      x: () => {
        const places = tf.range(0, x.size * x.size, x.size + 1, 'int32');
        return tf.reshape(tf.gather(tf.reshape(dy, [-1]), places), x.shape);
      },
    };
  });
  define('Reverse', {}, (dy, _, attributes) => ({
    x: () => tf.reverse(dy, tf.util.parseAxisParam(attributes['dims'] as number[], dy.shape)),
  }));
  define('Tile', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    const reps = numberList(attributes['reps']);
    return {
      x: () => {
        const split = x.shape.flatMap((size, i) => [reps[i] as number, size]);
        const sums = tf.sum(
          tf.reshape(dy, split),
          x.shape.map((_, i) => 2 * i),
        );
        return tf.reshape(sums, x.shape);
      },
    };
  });
  for (const [kernel, inverse] of [
    ['SpaceToBatchND', 'BatchToSpaceND'],
    ['BatchToSpaceND', 'SpaceToBatchND'],
  ] as const) {
    const [from, to] = kernel === 'SpaceToBatchND' ? ['paddings', 'crops'] : ['crops', 'paddings'];
    define(kernel, {}, (dy, _, attributes) => ({
      x: () => {
        const blockShape = attributes['blockShape'] as NamedAttrMap[string];
        return call(inverse, { x: dy }, {
          blockShape,
          [to]: attributes[from],
        } as NamedAttrMap);
      },
    }));
  }
  define('DepthToSpace', {}, (dy, _, attributes) => ({
    x: () => spaceToDepth(tools, dy, attributes['blockSize'] as number, attributes['dataFormat'] as string),
  }));
}

/** The inverse of `depthToSpace`, which tfjs lacks. */
function spaceToDepth({ tf }: GradientTools, x: Tensor, block: number, format: string): Tensor {
  const last = format !== 'NCHW';
  const image = last ? x : tf.transpose(x, [0, 2, 3, 1]);
  const [batch, height, width, channels] = image.shape as [number, number, number, number];
  const cells = tf.reshape(image, [batch, height / block, block, width / block, block, channels]);
  const deep = tf.reshape(tf.transpose(cells, [0, 1, 3, 2, 4, 5]), [
    batch,
    height / block,
    width / block,
    channels * block * block,
  ]);
  return last ? deep : tf.transpose(deep, [0, 3, 1, 2]);
}

function installGather({ tf, define, noGradient }: GradientTools): void {
  define('GatherV2', { inputs: ['x', 'indices'] }, (dy, saved, attributes) => {
    const [x, indices] = saved as [Tensor, Tensor];
    return {
      x: () => {
        const axis = tf.util.parseAxisParam(attributes['axis'] as number, x.shape)[0] as number;
        const given = (attributes['batchDims'] as number | undefined) ?? 0;
        const batchDims = given < 0 ? given + indices.rank : given;
        const [batch, outer] = [x.shape.slice(0, batchDims), x.shape.slice(batchDims, axis)];
        const size = x.shape[axis] as number;
        const inner = x.shape.slice(axis + 1);
        const batches = elementCount(batch);
        const perBatch = indices.size / Math.max(1, batches);
        // To [batch, indices, outer, inner], and all rows of equal indices added up.
        const flat = tf.reshape(dy, [batches, elementCount(outer), perBatch, elementCount(inner)]);
        const rows = tf.reshape(elementCount(outer) === 1 ? flat : tf.transpose(flat, [0, 2, 1, 3]), [
          batches * perBatch,
          ...outer,
          ...inner,
        ]);
        let ids = tf.reshape(indices, [batches * perBatch]);
        if (batches > 1) {
          const first = tf.mul(tf.range(0, batches, 1, 'int32'), tf.scalar(size, 'int32'));
          ids = tf.reshape(
            tf.add(tf.reshape(ids, [batches, perBatch]), tf.reshape(first, [batches, 1])),
            [-1],
          );
        }
        const sums = tf.unsortedSegmentSum(rows, ids as never, batches * size);
        const parts = tf.reshape(sums, [batches, size, elementCount(outer), elementCount(inner)]);
        return tf.reshape(elementCount(outer) === 1 ? parts : tf.transpose(parts, [0, 2, 1, 3]), x.shape);
      },
      indices: () => noGradient(indices),
    };
  });
}

function installStridedSlices({ tf, define, replaceKernel, run, call }: GradientTools): void {
  const masks = (attributes: NamedAttrMap) =>
    (['begin', 'end', 'ellipsis', 'newAxis', 'shrinkAxis'] as const).map((name) =>
      intAttribute(
        `${name.replace('Axis', '_axis')}_mask`,
        (attributes[`${name}Mask`] as number | undefined) ?? 0,
      ),
    );
  // The dtype of `x` does not tell: it is that of the shape.
  replaceKernel(
    'StridedSliceGrad',
    () =>
      ({ dy }, attributes) =>
        tf.tidy(() => {
          const list = (name: string) => tf.tensor1d(attributes[name] as number[], 'int32');
          return run(
            'StridedSliceGrad',
            [list('shape'), list('begin'), list('end'), list('strides'), dy as Tensor],
            [
              typeAttribute('T', (dy as Tensor).dtype === 'complex64' ? TF.COMPLEX64 : TF.FLOAT),
              ...masks(attributes),
            ],
            'Index',
          );
        }),
  );
  define('StridedSlice', { inputs: ['x'] }, (dy, saved, attributes) => ({
    x: () => call('StridedSliceGrad', { dy }, { ...attributes, shape: (saved[0] as Tensor).shape }),
  }));
  define('StridedSliceGrad', {}, (ddx, _, { shape: _shape, ...attributes }) => ({
    dy: () => call('StridedSlice', { x: ddx }, attributes),
  }));
}

function installPaddings(tools: GradientTools): void {
  const { tf, define, replaceKernel } = tools;
  const cropped = (x: Tensor, paddings: [number, number][]) => {
    const begin = paddings.map(([before]) => Math.max(0, -before));
    const size = x.shape.map(
      (length, i) => length - (begin[i] as number) - Math.max(0, -(paddings[i] as [number, number])[1]),
    );
    return tf.slice(x, begin, size);
  };
  // A padding below 0 takes places away.
  replaceKernel('PadV2', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    const paddings = numberPairs(attributes['paddings']);
    for (const [axis, [before, after]] of paddings.entries()) {
      const size = x.shape[axis] as number;
      if (Math.max(0, -before) + Math.max(0, -after) > size) {
        throw new RangeError(
          `pad: the paddings [${before}, ${after}] of axis ${axis} take more places away than the ${size} that it has`,
        );
      }
    }
    const fill = attributes['constantValue'] as number;
    return tf.tidy(() => {
      const kept = paddings.flat().some((places) => places < 0) ? cropped(x, paddings) : x;
      const positive = paddings.map((pair) => pair.map((places) => Math.max(0, places)));
      if (x.dtype !== 'complex64') {
        return original({ x: kept }, { ...attributes, paddings: positive }) as Tensor;
      }
      // tfjs makes no scalar of a complex fill.
      const part = (values: Tensor, value: number) =>
        original({ x: values }, { paddings: positive, constantValue: value }) as Tensor;
      return tf.complex(part(tf.real(kept), fill), part(tf.imag(kept), 0));
    });
  });
  define('PadV2', {}, (dy, _, attributes) => ({
    x: () => {
      const paddings = numberPairs(attributes['paddings']);
      return tf.pad(
        dy,
        paddings.map(([before, after]): [number, number] => [0 - before, 0 - after]),
      );
    },
  }));
  installMirrorPad(tools);
}

function installMirrorPad({ tf, define }: GradientTools): void {
  define('MirrorPad', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    const paddings = numberPairs(attributes['paddings']);
    const shared = attributes['mode'] === 'symmetric' ? 0 : 1;
    return {
      // The gradient of a padding belongs to the place that the padding mirrors.
      x: () => {
        let gradient = dy;
        for (const [axis, [before, after]] of paddings.entries()) {
          if (before === 0 && after === 0) continue;
          const size = x.shape[axis] as number;
          const part = (from: number, length: number) => {
            const [begin, sizes] = [gradient.shape.map(() => 0), [...gradient.shape]];
            begin[axis] = from;
            sizes[axis] = length;
            return tf.slice(gradient, begin, sizes);
          };
          const placed = (piece: Tensor, at: number, length: number) =>
            tf.pad(
              tf.reverse(piece, axis),
              gradient.shape.map((_, i): [number, number] =>
                i === axis ? [at, size - at - length] : [0, 0],
              ),
            );
          let middle = part(before, size);
          if (before > 0) middle = tf.add(middle, placed(part(0, before), shared, before));
          if (after > 0) {
            middle = tf.add(middle, placed(part(before + size, after), size - shared - after, after));
          }
          gradient = middle;
        }
        return gradient === dy ? tf.clone(dy) : gradient;
      },
    };
  });
}
