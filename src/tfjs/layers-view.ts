import type { layers, LayersModel, Shape } from '@tensorflow/tfjs';

/** The one door to fields of tfjs's layers, models and weights that their declarations hide, or leave to single classes. */

type Layer = layers.Layer;
type LayerVariable = LayersModel['weights'][number];

/** A call of a layer (`Node` in tfjs-layers/src/engine/topology.ts). */
export interface LayerNode {
  readonly inboundLayers: readonly Layer[];
  readonly inputShapes: readonly Shape[];
  readonly outputShapes: readonly Shape[];
  /** Keyword arguments of the call. */
  readonly callArgs?: Record<string, unknown>;
}

/** A cell of a recurrent layer, or cells that are stacked. */
export type LayerCell = Layer & {
  readonly cells?: readonly LayerCell[];
  readonly stateSize: number | readonly number[];
};

/** Fields that layers may have. All but the first are of some classes only, and undefined elsewhere. */
interface LayerFields {
  /** The calls of the layer, the first one first. */
  readonly inboundNodes: readonly LayerNode[];
  /** Of a model: its layers and its outputs. */
  readonly layers?: readonly Layer[];
  readonly outputs?: readonly unknown[];
  /** Of a wrapper. */
  readonly layer?: Layer;
  /** Of Bidirectional. */
  readonly forwardLayer?: Layer;
  readonly backwardLayer?: Layer;
  readonly mergeMode?: string | null;
  /** Of recurrent layers, and of cells that are stacked. */
  readonly cell?: LayerCell;
  readonly cells?: readonly LayerCell[];
  readonly returnSequences?: boolean;
  /** Of Embedding and Masking. */
  readonly maskZero?: boolean;
  readonly maskValue?: number;
  /** Of Concatenate. */
  readonly axis?: number;
  /** Of convolutions, pooling and Flatten. */
  readonly dataFormat?: string;

  // ---- fields that Tensorcell adds
  /** Whether a recurrent layer that is called with states takes the mask of its first input. */
  maskWithStates?: boolean;
  /** Numbers of a model's outputs that have no mask. */
  unmaskedOutputs?: readonly number[];
  /** Weights that belong to layers inside the layer of Keras, where the layer of tfjs has none inside. */
  readonly kerasParts?: readonly (readonly [string, readonly LayerVariable[]])[];
}

/** A layer, or a model in a layer's place, with its hidden fields. */
export function layerFields(layer: Layer): LayerFields {
  return layer as unknown as LayerFields;
}

/** Whether a layer is a model. */
export function isModel(layer: Layer): layer is LayersModel {
  return Array.isArray(layerFields(layer).layers);
}

/** Fields of weights (`LayerVariable` in tfjs-layers/src/variables.ts), which tfjs declares as private or read-only. */
interface WeightFields {
  readonly trainable: boolean;
  /** Applied to what is written. */
  constraint: unknown;
}

/** A weight with its hidden fields. */
export function weightFields(weight: LayerVariable): WeightFields {
  return weight;
}
