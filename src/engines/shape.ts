/** TensorFlow's TensorShape holds at most this many axes, and ends the process at more (tensor_shape.h, MaxDimensions). */
export const MOST_AXES = 254;

/** From this rank on an op's result may have more axes than TensorFlow holds: a gather has those of both inputs. */
export const TALL = MOST_AXES / 2;

function short(shape: ArrayLike<number>): string {
  const sizes = Array.from(shape);
  return sizes.length > 12 ? `${sizes.slice(0, 8).join(', ')}, … (${sizes.length} axes)` : sizes.join(', ');
}

/**
 * Refuses shapes at which TensorFlow's C++ ends the process: it checks ranks, sizes and their product by aborting, also
 * where a size of 0 makes the product 0.
 *
 * @param what for the message: `a tensor`. @param open allows -1, a size that is not known.
 * @throws RangeError naming the shape.
 */
export function checkShape(shape: ArrayLike<number>, what: string, open = false): void {
  if (shape.length > MOST_AXES) {
    throw new RangeError(
      `${what} has the shape [${short(shape)}]: TensorFlow has tensors of at most ${MOST_AXES} axes; reshape it to fewer`,
    );
  }
  let product = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis] as number;
    if (!Number.isSafeInteger(size) || size < (open ? -1 : 0)) {
      throw new RangeError(
        `${what} has the shape [${short(shape)}]: ${size} is not a valid axis size; sizes are whole numbers from 0 on`,
      );
    }
    if (size > 0) product *= size;
  }
  if (!Number.isSafeInteger(product)) {
    throw new RangeError(
      `${what} has the shape [${short(shape)}], which is more values than can be counted (2^53), ignoring zeros`,
    );
  }
}
