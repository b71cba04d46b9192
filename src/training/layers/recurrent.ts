import {
  layerClass,
  register,
  type Args,
  type Config,
  type Kwargs,
  type Layer,
  type LayerClass,
  type Tensor,
  type Tf,
} from './registry.ts';

interface RecurrentLayer extends Layer {
  returnSequences: boolean;
  returnState: boolean;
  goBackwards: boolean;
  unroll: boolean;
  cell: Cell;
}

interface Cell {
  cells?: Cell[];
  dropoutMask?: Tensor | Tensor[] | null;
  recurrentDropoutMask?: Tensor | Tensor[] | null;
}

/**
 * Dropout masks belong to one call, as in Keras (`_maybe_reset_dropout_masks`). tfjs' RNN keeps those of its cells: what was
 * dropped in training would stay dropped, in `predict` too.
 */
function forgetDropoutMasks(tf: Tf, cell: Cell): void {
  for (const key of ['dropoutMask', 'recurrentDropoutMask'] as const) {
    const mask = cell[key];
    if (mask === null || mask === undefined) continue;
    tf.dispose(mask);
    cell[key] = null;
  }
  for (const inner of cell.cells ?? []) forgetDropoutMasks(tf, inner);
}

/** tfjs warns at each step that it ignores `unroll`: it is of no consequence to what is computed. */
function quietly<T>(layer: RecurrentLayer, work: () => T): T {
  const { unroll } = layer;
  layer.unroll = false;
  try {
    return work();
  } finally {
    layer.unroll = unroll;
  }
}

/** A recurrent layer whose output is 0 where the mask hides a step, if that is set. */
function recurrent(tf: Tf, name: string): LayerClass {
  const Base = layerClass<RecurrentLayer>(tf, name);
  const made = class Recurrent extends Base {
    static readonly className: string = name;
    readonly zeroOutputForMask: boolean;

    constructor(args: Args) {
      super(args);
      this.zeroOutputForMask = args['zeroOutputForMask'] === true;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      const mask = Array.isArray(kwargs?.mask) ? kwargs.mask[0] : kwargs?.mask;
      forgetDropoutMasks(tf, this.cell);
      if (!this.zeroOutputForMask || mask === null || mask === undefined)
        return quietly(this, () => super.call(inputs, kwargs));
      return tf.tidy(() => {
        const result = quietly(this, () => super.call(inputs, kwargs));
        const [output, ...states] = (Array.isArray(result) ? result : [result]) as [Tensor, ...Tensor[]];
        // Steps come in the order in which they were computed.
        const ordered = this.goBackwards ? tf.reverse(tf.cast(mask, 'float32'), 1) : tf.cast(mask, 'float32');
        const steps = ordered.shape[1] as number;
        const shown = this.returnSequences
          ? tf.mul(output, tf.expandDims(ordered, -1))
          : tf.mul(output, tf.slice(ordered, [0, steps - 1], [-1, 1]));
        return this.returnState ? [shown, ...states] : shown;
      });
    }

    override getConfig(): Config {
      const config = super.getConfig();
      return this.zeroOutputForMask ? { ...config, zeroOutputForMask: true } : config;
    }
  };
  return register(tf, made);
}

/** Recurrent layers with options of Keras. */
export function installRecurrent(tf: Tf): Record<string, LayerClass> {
  return {
    RNN: recurrent(tf, 'RNN'),
    SimpleRNN: recurrent(tf, 'SimpleRNN'),
    LSTM: recurrent(tf, 'LSTM'),
    GRU: recurrent(tf, 'GRU'),
  };
}
