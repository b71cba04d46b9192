/** Why a loss is not finite: looked for once, after it has happened, with what is still there. */
import type * as Tf from '@tensorflow/tfjs';

type Tfjs = typeof Tf;
type Named = readonly (readonly [name: string, tensor: Tf.Tensor])[];

/** The data of `fit`: tensors, lists or records of them. */
export interface FitData {
  x?: unknown;
  y?: unknown;
}

/** The findings of a compiled training step itself, of the first step that went wrong. */
export interface Noticed {
  what: 'data' | 'activation' | 'loss' | 'gradient';
  /** Empty where no layer is meant. */
  layer: string;
}

/** Rows with which the model is tried. */
const ROWS = 32;

/**
 * The first place where a number is missing, in words that continue "The loss is NaN in epoch 2, step 7: ". Data come
 * first, then what the training step itself has noticed, then weights from the input on; where all of these are finite the
 * layers' activations and gradients for the first rows of the data.
 *
 * @param noticed the layer that went wrong first in a compiled step, where one was told.
 */
export function whereNotFinite(
  tf: Tfjs,
  model: Tf.LayersModel,
  data: FitData,
  noticed: Noticed | undefined,
): string {
  const slower = 'Try a smaller learning rate';
  for (const [name, tensor] of [...named('x', data.x), ...named('y', data.y)]) {
    const missing = countNotFinite(tf, tensor);
    if (missing > 0)
      return `the data are not finite: ${missing} of the ${tensor.size} values of ${name} ${missing === 1 ? 'is' : 'are'} NaN or infinite`;
  }
  switch (noticed?.what) {
    case 'data':
      return 'the data are not finite: a batch has NaN or infinite values';
    case 'loss':
      return 'all activations are finite, but the loss of them is not, as with the logarithm of 0';
    case 'activation':
    case 'gradient':
      return `${placeWords(noticed.what, noticed.layer)}. ${slower}`;
    case undefined:
  }
  for (const layer of model.layers) {
    const weight = layer.weights.find((variable) => countNotFinite(tf, variable.read()) > 0);
    if (weight !== undefined)
      return `the first layer whose weights are not finite is ${layer.name}. ${slower}`;
  }
  const place = tryRows(tf, model, named('x', data.x), named('y', data.y));
  return place === undefined ? `all weights are still finite. ${slower}` : `${place}. ${slower}`;
}

function placeWords(what: 'activation' | 'gradient', layer: string): string {
  return `the first layer whose ${what}s are not finite is ${layer}`;
}

function named(name: string, given: unknown): Named {
  if (given === undefined || given === null || typeof given !== 'object') return [];
  if (isTensor(given)) return [[name, given]];
  return Object.entries(given).flatMap(([key, value]) =>
    isTensor(value) ? [[`${name}${Array.isArray(given) ? `[${key}]` : `.${key}`}`, value] as const] : [],
  );
}

function isTensor(value: unknown): value is Tf.Tensor {
  return typeof value === 'object' && value !== null && 'dataSync' in value && 'shape' in value;
}

function countNotFinite(tf: Tfjs, tensor: Tf.Tensor): number {
  if (tensor.dtype !== 'float32') return 0;
  return tf.tidy(() => tf.isFinite(tensor).logicalNot().sum().dataSync()[0] as number);
}

/** Runs the model over the first rows eagerly, and looks at the output of each layer. */
function tryRows(tf: Tfjs, model: Tf.LayersModel, x: Named, y: Named): string | undefined {
  if (x.length === 0 || x.length !== model.inputs.length) return undefined;
  const first = (data: Named): Tf.Tensor[] =>
    data.map(([, tensor]) => tensor.slice([0], [Math.min(ROWS, tensor.shape[0] ?? 0)]));
  try {
    return tf.tidy(() => {
      const inputs = first(x);
      const layers = model.layers.filter((layer) => layer.getClassName() !== 'InputLayer');
      for (const layer of layers) {
        const outputs = [layer.output].flat();
        const until = tf.model({ inputs: model.inputs, outputs });
        const values = [until.apply(inputs, { training: true }) as Tf.Tensor | Tf.Tensor[]].flat();
        if (values.some((value) => countNotFinite(tf, value) > 0))
          return placeWords('activation', layer.name);
      }
      return badGradient(tf, model, inputs, first(y));
    });
  } catch {
    // Layers that are used twice, or of the user's own: nothing more can be said.
    return undefined;
  }
}

/** The gradients of the loss, from the output back to the input. */
function badGradient(
  tf: Tfjs,
  model: Tf.LayersModel,
  inputs: Tf.Tensor[],
  targets: Tf.Tensor[],
): string | undefined {
  // A Sequential is compiled through an inner model.
  const { lossFunctions: losses } = ((model as { model?: unknown }).model ?? model) as {
    lossFunctions?: (((truth: Tf.Tensor, made: Tf.Tensor) => Tf.Tensor) | null)[];
  };
  if (losses === undefined || losses.length !== targets.length) return undefined;
  const { grads } = tf.variableGrads(() => {
    const made = [model.apply(inputs, { training: true }) as Tf.Tensor | Tf.Tensor[]].flat();
    return tf.addN<Tf.Scalar>(
      losses.flatMap((loss, at) =>
        loss === null ? [] : [loss(targets[at] as Tf.Tensor, made[at] as Tf.Tensor).mean<Tf.Scalar>()],
      ),
    );
  });
  for (const layer of model.layers.toReversed()) {
    for (const variable of layer.trainableWeights) {
      const gradient = grads[(variable.read() as Tf.Variable).name];
      if (gradient !== undefined && countNotFinite(tf, gradient) > 0)
        return placeWords('gradient', layer.name);
    }
  }
  return undefined;
}
