import type { layers } from '@tensorflow/tfjs';
import { layerFields, type LayerNode } from '../../tfjs/layers-view.ts';

type Layer = layers.Layer;

/** Layers that keep every number at its place. */
const ELEMENTWISE = new Set([
  'Activation',
  'BatchNormalization',
  'Dropout',
  'ELU',
  'GaussianDropout',
  'GaussianNoise',
  'LeakyReLU',
  'PReLU',
  'ReLU',
  'ThresholdedReLU',
]);

/**
 * Where a layer's features are a flattened picture: its shape without the batch, channels last ([height, width,
 * channels]). PyTorch flattens with the channels first, so features come in another order there.
 */
export function flattenedPicture(layer: Layer): number[] | undefined {
  let at: Layer | undefined = layer;
  while (at !== undefined) {
    const node: LayerNode | undefined = layerFields(at).inboundNodes[0];
    const before: Layer | undefined = node?.inboundLayers[0];
    if (before === undefined) return undefined;
    const name = before.getClassName();
    if (name === 'Flatten') {
      const { inboundNodes, dataFormat } = layerFields(before);
      const shape = inboundNodes[0]?.inputShapes[0]?.slice(1).map(Number);
      const first = dataFormat === 'channelsFirst';
      if (shape === undefined || shape.length < 2 || first) return undefined;
      // One pixel has no order.
      return shape.slice(0, -1).every((length) => length === 1) ? undefined : shape;
    }
    if (!ELEMENTWISE.has(name)) return undefined;
    at = before;
  }
  return undefined;
}
