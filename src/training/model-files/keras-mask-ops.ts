import { snakeCase, type Json } from './keras-layers.ts';
import type { MaskTracker } from './keras-masks.ts';

type Shape = readonly (number | null)[];

/** A tensor as Keras refers to it in a functional model. */
interface KerasTensor extends Json {
  config: { shape: Shape };
}

/** The shape of what an op makes, from those that it takes. */
function shapeOf(className: string, axis: number, shapes: readonly Shape[]): Shape {
  const last = shapes.at(-1) as Shape;
  if (className === 'Any') return last.slice(0, -1);
  if (className === 'ExpandDims') return [...last, 1];
  if (className !== 'Concatenate') return last;
  const sizes = shapes.map((shape) => shape.at(axis) ?? null);
  const sum = sizes.includes(null) ? null : (sizes as number[]).reduce((a, b) => a + b);
  return last.with(axis, sum);
}

/**
 * The ops that make the masks of a functional model, as Keras writes them. Without them Keras makes them anew when it loads the
 * file, with names that layers may have.
 */
export class MaskOps {
  /** The ops, in the form of layers. */
  readonly parts: Json[] = [];
  private readonly made = new Map<string, KerasTensor>();
  private readonly masks: MaskTracker;
  private readonly tensorOf: (key: string) => Json;
  private readonly taken: Set<string>;

  /** @param tensorOf gives a tensor of the model, @param names those of its layers. */
  constructor(masks: MaskTracker, tensorOf: (key: string) => Json, names: Iterable<string>) {
    this.masks = masks;
    this.tensorOf = tensorOf;
    this.taken = new Set(names);
  }

  /** The tensor of a mask, whose op is added to the parts with those that it depends on. */
  tensor(mask: string): Json {
    const known = this.made.get(mask);
    if (known !== undefined) return known;
    const { className, config, inputs, value } = this.masks.opOf(mask);
    const tensors = inputs.map(
      ({ tensor, mask: inner }) =>
        (inner === undefined ? this.tensorOf(tensor as string) : this.tensor(inner)) as KerasTensor,
    );
    const name = this.nameFor(snakeCase(className));
    const args =
      className === 'Concatenate' ? [tensors] : [...tensors, ...(value === undefined ? [] : [value])];
    this.parts.push({
      module: 'keras.src.ops.numpy',
      class_name: className,
      config: { name, ...config },
      registered_name: className,
      name,
      inbound_nodes: [{ args, kwargs: {} }],
    });
    const shapes = tensors.map((tensor) => tensor.config.shape);
    const shape = shapeOf(className, Number(config['axis'] ?? -1), shapes);
    const result = {
      class_name: '__keras_tensor__',
      config: { shape, dtype: 'bool', keras_history: [name, 0, 0] },
    };
    this.made.set(mask, result);
    return result;
  }

  private nameFor(base: string): string {
    let name = base;
    for (let count = 1; this.taken.has(name); count++) name = `${base}_${count}`;
    this.taken.add(name);
    return name;
  }
}
