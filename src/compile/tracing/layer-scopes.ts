import type { Tensor } from '@tensorflow/tfjs';
import { engineOf } from '../../tfjs/engine.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { replaceMethod } from '../../tfjs/replace-method.ts';
import { activeTrace } from './active-trace.ts';
import { layerOfNode, layerScope } from '../../engines/scope-names.ts';
import type { TraceScope } from './trace-scope.ts';

function within<T>(trace: TraceScope, scope: string, action: () => T): T {
  const { graph } = trace;
  const before = graph.scope;
  graph.scope = scope;
  try {
    return action();
  } finally {
    graph.scope = before;
  }
}

/** Lets traces know which layer is at work, in the forward and the backward pass. Eagerly nothing changes. */
export function installLayerScopes(tf: Tf): void {
  replaceMethod(
    tf.layers.Layer.prototype,
    'apply',
    (apply) =>
      function applyInScope(inputs, options) {
        const trace = activeTrace();
        if (trace === undefined) return apply.call(this, inputs, options);
        return within(trace, layerScope(this.name, 'layer'), () => {
          const made = apply.call(this, inputs, options);
          // A model inside a model is seen through its own layers.
          if (trace.watch !== undefined && this.layers === undefined)
            for (const tensor of [made].flat()) trace.watch.saw(this.name, tensor as Tensor);
          return made;
        });
      },
  );

  const engine: object = Object.getPrototypeOf(engineOf(tf));
  replaceMethod(
    engine,
    'addTapeNode',
    (addTapeNode) =>
      function addTapeNodeInScope(...all) {
        addTapeNode.apply(this, all);
        const layer = layerOfNode(activeTrace()?.graph.scope ?? '');
        const node = this.state.activeTape?.at(-1);
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
      },
  );
}
