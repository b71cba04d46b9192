/**
 * Weights by which rows of a picture are made from others, as matrices [target, source] in rows: the kernels of
 * tensorflow/core/kernels/image (scale_and_translate_op.cc, resize_bicubic_op.cc, resize_area_op.cc).
 */

type Kernel = { radius: number; at(distance: number): number };

const lanczos = (radius: number): Kernel => ({
  radius,
  at(distance) {
    if (distance > radius) return 0;
    if (distance <= 1e-3) return 1;
    const x = Math.PI * distance;
    return (radius * Math.sin(x) * Math.sin(x / radius)) / (x * x);
  },
});

const KERNELS: Readonly<Record<string, Kernel>> = {
  bilinear: { radius: 1, at: (x) => Math.max(0, 1 - x) },
  bicubic: {
    radius: 2,
    at(x) {
      if (x >= 2) return 0;
      return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
    },
  },
  lanczos3: lanczos(3),
  lanczos5: lanczos(5),
};

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function scaleAndTranslate(source: number, target: number, kernel: Kernel, antialias: boolean): Float32Array {
  const weights = new Float32Array(target * source);
  const inverse = source / target;
  const width = antialias ? Math.max(inverse, 1) : 1;
  const reach = kernel.radius * width;
  for (let row = 0; row < target; row++) {
    const centre = (row + 0.5) * inverse;
    const begin = clamp(Math.ceil(centre - reach - 0.5), 0, source - 1);
    const end = clamp(Math.floor(centre + reach - 0.5), 0, source - 1) + 1;
    let total = 0;
    for (let at = begin; at < end; at++) {
      const weight = kernel.at(Math.abs(at + 0.5 - centre) / width);
      weights[row * source + at] = weight;
      total += weight;
    }
    for (let at = begin; at < end; at++)
      weights[row * source + at] = (weights[row * source + at] as number) / total;
  }
  return weights;
}

/** TensorFlow looks the cubic up in a table of so many places between two pixels. */
const PLACES = 1024;

/** TensorFlow's own op for bicubic interpolation, with Keys's cubic and half-pixel centres. */
function bicubic(source: number, target: number): Float32Array {
  const weights = new Float32Array(target * source);
  const near = (x: number): number => (1.5 * x - 2.5) * x * x + 1;
  const far = (x: number): number => ((-0.5 * x + 2.5) * x - 4) * x + 2;
  for (let row = 0; row < target; row++) {
    const position = Math.fround((row + 0.5) * Math.fround(source / target) - 0.5);
    const base = Math.floor(position);
    const offset = Math.round((position - base) * PLACES) / PLACES;
    const cubic = [far(1 + offset), near(offset), near(1 - offset), far(2 - offset)];
    const inside = cubic.map((weight, index) => {
      const at = base - 1 + index;
      return at >= 0 && at < source ? weight : 0;
    });
    const total = inside.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of inside.entries()) {
      if (weight !== 0) weights[row * source + base - 1 + index] = weight / total;
    }
  }
  return weights;
}

/** The mean over what a target's pixel covers. */
function area(source: number, target: number): Float32Array {
  const weights = new Float32Array(target * source);
  const scale = source / target;
  for (let row = 0; row < target; row++) {
    const begin = row * scale;
    const end = (row + 1) * scale;
    for (let at = Math.floor(begin); at < Math.min(Math.ceil(end), source); at++) {
      weights[row * source + at] = (Math.min(at + 1, end) - Math.max(at, begin)) / scale;
    }
  }
  return weights;
}

/** How pictures are resized: what `tf.image.resize` of TensorFlow knows, as far as Keras takes it. */
export const INTERPOLATIONS = ['nearest', 'bilinear', 'bicubic', 'area', 'lanczos3', 'lanczos5'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** The matrix [target, source] that resizes one dimension. */
export function resamplingWeights(
  source: number,
  target: number,
  interpolation: Exclude<Interpolation, 'nearest'>,
  antialias: boolean,
): Float32Array {
  if (interpolation === 'area') return area(source, target);
  if (interpolation === 'bicubic' && !antialias) return bicubic(source, target);
  return scaleAndTranslate(source, target, KERNELS[interpolation] as Kernel, antialias);
}
