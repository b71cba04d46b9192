import type { Tensor } from '@tensorflow/tfjs';
import type { Tf } from '../tfjs/instance.ts';
import { activeTrace } from './active-trace.ts';
import type { Trace } from './trace.ts';

/**
 * Which layer an operation of a graph comes from, as the beginning of the operation's name: `dense_1.layer/op7` for what
 * the layer's call adds, `dense_1.gradient/op31` for its way back. Profiles and errors read it.
 */
export function layerScope(layer: string, what: 'layer' | 'gradient'): string {
  // Names of operations may hold letters, digits and a few signs; everything else becomes a dot.
  const name = layer.replaceAll(/[^\w-]/g, '.').replace(/^[^A-Za-z0-9.]/, '.');
  return `${name}.${what}/`;
}

/** The layer of an operation, whatever TensorFlow's optimizer has put around its name; undefined for none. */
export function layerOfNode(node: string): { layer: string; what: 'layer' | 'gradient' } | undefined {
  const [, layer, what] = /(?:^|\/)([\w.-]+)\.(layer|gradient)\//.exec(node) ?? [];
  return layer === undefined ? undefined : { layer, what: what as 'layer' | 'gradient' };
}

/** The layer of a scope such as `dense_1.layer`; undefined for other scopes. */
export function layerOfScope(scope: string): string | undefined {
  return layerOfNode(`${scope}/`)?.layer;
}

/** A text in which scopes of layers have other layers' names. */
export function withLayersRenamed(text: string, nameOf: (layer: string) => string): string {
  return text.replaceAll(
    /(^|\/)([\w.-]+)\.(layer|gradient)(?=\/)/g,
    (_, before: string, layer: string, what: string) => `${before}${nameOf(layer)}.${what}`,
  );
}

/** tfjs's layers, as far as they are called. */
interface Layer {
  name: string;
  layers?: unknown;
  apply(inputs: unknown, options?: unknown): unknown;
}

type Gradients = Record<string, () => Tensor>;

interface TapeNode {
  gradient?: (dys: Tensor[]) => Gradients;
}

interface Engine {
  state: { activeTape: TapeNode[] };
  addTapeNode(...all: unknown[]): void;
}

function within<T>(trace: Trace, scope: string, action: () => T): T {
  const { graph } = trace;
  const before = graph.scope;
  graph.scope = scope;
  try {
    return action();
  } finally {
    graph.scope = before;
  }
}

/** Lets traces know which layer is at work, on the way there and on the way back. Op by op nothing changes. */
export function installLayerScopes(tf: Tf): void {
  const prototype = tf.layers.Layer.prototype as unknown as Layer;
  const apply: Layer['apply'] = Reflect.get(prototype, 'apply');
  prototype.apply = function applyInScope(this: Layer, inputs, options) {
    const trace = activeTrace();
    if (trace === undefined) return apply.call(this, inputs, options);
    return within(trace, layerScope(this.name, 'layer'), () => {
      const made = apply.call(this, inputs, options);
      // A model inside a model is seen through its own layers.
      if (trace.watch !== undefined && this.layers === undefined)
        for (const tensor of [made].flat()) trace.watch.saw(this.name, tensor as Tensor);
      return made;
    });
  };

  const engine = Object.getPrototypeOf(tf.engine()) as Engine;
  const addTapeNode: Engine['addTapeNode'] = Reflect.get(engine, 'addTapeNode');
  engine.addTapeNode = function addTapeNodeInScope(this: Engine, ...all) {
    addTapeNode.apply(this, all);
    const layer = layerOfNode(activeTrace()?.graph.scope ?? '');
    const node = this.state.activeTape.at(-1);
    const gradient = node?.gradient;
    if (layer === undefined || node === undefined || gradient === undefined) return;
    // The scope as it is, since its name was made fit for TensorFlow already.
    const scope = `${layer.layer}.gradient/`;
    node.gradient = (dys) => {
      const trace = activeTrace();
      if (trace === undefined) return gradient(dys);
      const parts = within(trace, scope, () => gradient(dys));
      return Object.fromEntries(
        Object.entries(parts).map(([name, part]) => [name, () => within(trace, scope, part)]),
      );
    };
  };
}
