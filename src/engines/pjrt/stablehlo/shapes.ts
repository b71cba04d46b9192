import { sizeOf } from '../dtypes.ts';
import type { ProgramBuilder, Value } from './builder.ts';
import {
  axisOf,
  broadcastShape,
  broadcastTo,
  NotEmitted,
  single,
  type Emitter,
  type OpCall,
} from './emitter.ts';

/** A shape with at most one -1, which takes what the others leave. */
function openShape(shape: readonly number[], size: number, call: OpCall): number[] {
  const rest = sizeOf(shape.filter((one) => one !== -1));
  const filled = shape.map((one) => (one === -1 ? Math.floor(size / rest) : one));
  if (sizeOf(filled) !== size) {
    throw new NotEmitted(`${call.name} of ${size} elements to [${shape.join(', ')}]`);
  }
  return filled;
}

/** The range of an axis that `StridedSlice` takes. */
interface Range {
  begin: number;
  /** How many elements. */
  count: number;
  stride: number;
}

/** Python's rules for a slice of an axis (tensorflow/core/util/strided_slice_op.cc). */
function rangeOf(size: number, begin: number | undefined, end: number | undefined, stride: number): Range {
  const forwards = stride > 0;
  const [least, most] = forwards ? [0, size] : [-1, size - 1];
  const clamp = (at: number) => Math.min(most, Math.max(least, at < 0 ? at + size : at));
  const from = begin === undefined ? (forwards ? 0 : size - 1) : clamp(begin);
  const to = end === undefined ? (forwards ? size : -1) : clamp(end);
  return { begin: from, count: Math.max(0, Math.ceil((to - from) / stride)), stride };
}

/** Reads a specification with masks: the range of each axis, and the shape of the result. */
function readMasks(call: OpCall, shape: readonly number[]): { ranges: Range[]; result: number[] } {
  const [begin, end, strides] = [call.known(1), call.known(2), call.known(3)];
  const has = (mask: string, i: number) => (call.attribute(mask, 0) & (1 << i)) !== 0;
  const entries = begin.map((_, i) => i);
  const axes = entries.filter((i) => !has('new_axis_mask', i) && !has('ellipsis_mask', i)).length;
  const ranges: Range[] = [];
  const result: number[] = [];
  const whole = (count: number) => {
    for (let k = 0; k < count; k++) {
      const size = shape[ranges.length]!;
      ranges.push({ begin: 0, count: size, stride: 1 });
      result.push(size);
    }
  };
  for (const i of entries) {
    if (has('ellipsis_mask', i)) {
      whole(shape.length - axes);
    } else if (has('new_axis_mask', i)) {
      result.push(1);
    } else {
      const size = shape[ranges.length];
      if (size === undefined) throw new NotEmitted(`${call.name} of more axes than there are`);
      if (has('shrink_axis_mask', i)) {
        const at = begin[i]! < 0 ? begin[i]! + size : begin[i]!;
        if (at < 0 || at >= size) throw new NotEmitted(`${call.name} at ${begin[i]} of ${size}`);
        ranges.push({ begin: at, count: 1, stride: 1 });
      } else {
        const stride = strides[i]!;
        if (stride === 0) throw new NotEmitted(`${call.name} with a stride of 0`);
        const range = rangeOf(
          size,
          has('begin_mask', i) ? undefined : begin[i],
          has('end_mask', i) ? undefined : end[i],
          stride,
        );
        ranges.push(range);
        result.push(range.count);
      }
    }
  }
  whole(shape.length - ranges.length);
  return { ranges, result };
}

/** Takes a range of each axis; those with negative strides are turned around. */
function takeRanges(builder: ProgramBuilder, value: Value, ranges: readonly Range[]): Value {
  // The lowest element that a range touches, and the end after its highest.
  const low = ranges.map(({ begin, count, stride }) =>
    count === 0 ? 0 : stride > 0 ? begin : begin + (count - 1) * stride,
  );
  const high = ranges.map(({ count, stride }, i) =>
    count === 0 ? 0 : low[i]! + (count - 1) * Math.abs(stride) + 1,
  );
  const taken = builder.slice(
    value,
    low,
    high,
    ranges.map(({ stride }) => Math.abs(stride)),
  );
  return builder.reverse(
    taken,
    ranges.flatMap(({ stride, count }, i) => (stride < 0 && count > 1 ? [i] : [])),
  );
}

function slice(call: OpCall): Value {
  const { shape } = call.typeOf(0);
  const [begin, size] = [call.known(1), call.known(2)];
  const ranges = shape.map((most, i): Range => {
    const count = size[i] === -1 ? most - begin[i]! : size[i]!;
    if (begin[i]! < 0 || count < 0 || begin[i]! + count > most) {
      throw new NotEmitted(`${call.name} from ${begin[i]} of ${size[i]} elements of ${most}`);
    }
    return { begin: begin[i]!, count, stride: 1 };
  });
  return takeRanges(call.builder, call.value(0), ranges);
}

/** The gradient of `StridedSlice`: the values at their places in zeros. */
function stridedSliceGradient(call: OpCall): Value {
  const { builder } = call;
  const shape = call.known(0);
  const { ranges } = readMasks(call, shape);
  const counts = ranges.map(({ count }) => count);
  const turned = ranges.flatMap(({ stride, count }, i) => (stride < 0 && count > 1 ? [i] : []));
  const value = builder.reverse(builder.reshape(call.value(4), counts), turned);
  const low = ranges.map(({ begin, count, stride }) =>
    count === 0 ? 0 : stride > 0 ? begin : begin + (count - 1) * stride,
  );
  const span = ranges.map(({ count, stride }) => (count === 0 ? 0 : (count - 1) * Math.abs(stride) + 1));
  return builder.pad(
    value,
    builder.constant(value.type.dtype, 0),
    low,
    shape.map((size, i) => size - low[i]! - span[i]!),
    ranges.map(({ stride }) => Math.abs(stride) - 1),
  );
}

/** Amounts before and after each axis, from a list of pairs. */
function paddings(pairs: readonly number[]): [low: number[], high: number[]] {
  return [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)];
}

function pad(call: OpCall): Value {
  const value = call.value(0);
  const fill = call.inputs.length > 2 ? call.value(2) : call.builder.constant(value.type.dtype, 0);
  return call.builder.pad(value, fill, ...paddings(call.known(1)));
}

/** Each axis is repeated: as a new axis before it, which then becomes part of it. */
function tile(call: OpCall): Value {
  const value = call.value(0);
  const { shape } = value.type;
  const times = call.known(1);
  const wide = shape.flatMap((size, i) => [times[i]!, size]);
  const axes = shape.map((_, i) => 2 * i + 1);
  const repeated = call.builder.broadcastInDim(value, wide, axes);
  return call.builder.reshape(
    repeated,
    shape.map((size, i) => size * times[i]!),
  );
}

function pack(call: OpCall): Value {
  const values = call.values();
  const { shape } = values[0]!.type;
  const axis = axisOf(call.attribute('axis', 0), shape.length + 1, call);
  const one = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  return call.builder.concatenate(
    values.map((value) => call.builder.reshape(value, one)),
    axis,
  );
}

function unpack(call: OpCall): Value[] {
  const value = call.value(0);
  const { shape } = value.type;
  const axis = axisOf(call.attribute('axis', 0), shape.length, call);
  const rest = shape.filter((_, i) => i !== axis);
  return parts(
    call.builder,
    value,
    axis,
    Array.from({ length: shape[axis]! }, () => 1),
  ).map((part) => call.builder.reshape(part, rest));
}

/** Cuts an axis into parts of given sizes. */
function parts(builder: ProgramBuilder, value: Value, axis: number, sizes: readonly number[]): Value[] {
  const { shape } = value.type;
  let at = 0;
  return sizes.map((size) => {
    const start = shape.map((_, i) => (i === axis ? at : 0));
    at += size;
    return builder.slice(
      value,
      start,
      shape.map((all, i) => (i === axis ? at : all)),
    );
  });
}

function splitV(call: OpCall): Value[] {
  const { shape } = call.typeOf(0);
  const [axis = 0] = call.known(2);
  const at = axisOf(axis, shape.length, call);
  const sizes = openSizes(call.known(1), shape[at]!);
  return parts(call.builder, call.value(0), at, sizes);
}

/** Sizes of which one may be -1: what the others leave. */
function openSizes(sizes: readonly number[], all: number): number[] {
  const rest = all - sizes.reduce((sum, size) => sum + Math.max(0, size), 0);
  return sizes.map((size) => (size === -1 ? rest : size));
}

function split(call: OpCall): Value[] {
  const { shape } = call.typeOf(1);
  const axis = axisOf(call.known(0)[0]!, shape.length, call);
  const count = call.attribute('num_split', 1);
  if (shape[axis]! % count !== 0) throw new NotEmitted(`${call.name} of ${shape[axis]} in ${count}`);
  const sizes = Array.from({ length: count }, () => shape[axis]! / count);
  return parts(call.builder, call.value(1), axis, sizes);
}

function squeeze(call: OpCall): Value {
  const value = call.value(0);
  const { shape } = value.type;
  const axes = call.attributeList('squeeze_dims').map((axis) => axisOf(axis, shape.length, call));
  if (axes.some((axis) => shape[axis] !== 1)) throw new NotEmitted(`${call.name} of an axis that is not 1`);
  const gone = (size: number, i: number) => (axes.length === 0 ? size === 1 : axes.includes(i));
  return call.builder.reshape(
    value,
    shape.filter((size, i) => !gone(size, i)),
  );
}

function expandDims(call: OpCall): Value {
  const value = call.value(0);
  const { shape } = value.type;
  const axis = axisOf(call.known(1)[0]!, shape.length + 1, call);
  return call.builder.reshape(value, [...shape.slice(0, axis), 1, ...shape.slice(axis)]);
}

function concat(call: OpCall): Value {
  const last = call.inputs.length - 1;
  const axis = axisOf(call.known(last)[0]!, call.typeOf(0).shape.length, call);
  return call.builder.concatenate(call.values(last), axis);
}

function broadcast(call: OpCall): Value {
  const shape = call.known(1);
  const joint = broadcastShape([call.typeOf(0).shape, shape], call);
  if (joint.join() !== shape.join()) throw new NotEmitted(`${call.name} to a smaller shape`);
  return broadcastTo(call.builder, call.value(0), joint);
}

/** Ops that move elements (tf2xla/kernels: reshape_op.cc, strided_slice_op.cc, pad_op.cc, tile_ops.cc, concat_op.cc, split_op.cc). */
export const SHAPES: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    BroadcastTo: single(broadcast),
    ConcatV2: single(concat),
    ExpandDims: single(expandDims),
    Fill: single((call) => call.builder.broadcastInDim(call.value(1), call.known(0), [])),
    Pack: single(pack),
    Pad: single(pad),
    PadV2: single(pad),
    Reshape: single((call) => {
      const value = call.value(0);
      return call.builder.reshape(value, openShape(call.known(1), sizeOf(value.type.shape), call));
    }),
    ReverseV2: single((call) => {
      const value = call.value(0);
      return call.builder.reverse(
        value,
        call.known(1).map((axis) => axisOf(axis, value.type.shape.length, call)),
      );
    }),
    Slice: single(slice),
    Split: split,
    SplitV: splitV,
    Squeeze: single(squeeze),
    StridedSlice: single((call) => {
      const { ranges, result } = readMasks(call, call.typeOf(0).shape);
      return call.builder.reshape(takeRanges(call.builder, call.value(0), ranges), result);
    }),
    StridedSliceGrad: single(stridedSliceGradient),
    Tile: single(tile),
    Transpose: single((call) =>
      call.builder.transpose(
        call.value(0),
        call.known(1).map((axis) => axisOf(axis, call.typeOf(0).shape.length, call)),
      ),
    ),
    Unpack: unpack,
  }),
);
