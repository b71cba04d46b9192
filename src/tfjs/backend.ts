import type { Engine } from '../engines/engine.ts';
import type { EagerBinding } from '../engines/eager.ts';
import { LAZY, tfInternals, type NodeBackend, type Tf } from './instance.ts';

let backend: NodeBackend | undefined;

/** Registers tfjs-node's backend over the engine's eager ops as `tensorflow`, and makes it the one in use. */
export function registerTensorflowBackend(tf: Tf, engine: Engine): void {
  if (backend !== undefined) return;
  const internals = tfInternals(tf);
  const made = new internals.NodeJSKernelBackend(engine.eager, 'tensorcell');
  made.engine = engine;
  backend = made;
  extend(made, engine.eager);
  internals.registerKernels();
  tf.registerBackend('tensorflow', () => made, 3);
  // With a backend that is made at once this is done when the call returns.
  void tf.setBackend('tensorflow');
}

/** Teaches the backend about values that lie in resources, and about variables that are traced. */
function extend(made: NodeBackend, binding: EagerBinding): void {
  const { tensorMap } = made;

  const idOf = (dataId: object): number => {
    const traced = binding.recorder?.idOf(dataId);
    if (traced !== undefined) return traced;
    const info = tensorMap.get(dataId);
    if (info.values !== null) {
      // Also while a graph is traced: the tensor may be older than the trace and outlive it.
      info.id = binding.createEagerTensor(info.shape, info.dtype, info.values as ArrayLike<number>);
      info.values = null;
    } else if (info.id === LAZY) {
      info.resource?.materialize(info);
    }
    return info.id;
  };

  const wide = made.getInputTensorIds.bind(made);
  made.getInputTensorIds = (tensors) => {
    const ids: number[] = [];
    for (const tensor of tensors) {
      // tfjs-node's own scalars of 64-bit integers have no data of tfjs's.
      ids.push(tensor.dataId === undefined ? (wide([tensor])[0] as number) : idOf(tensor.dataId));
    }
    return ids;
  };

  made.readSync = (dataId) => {
    if (!tensorMap.has(dataId)) throw new Error('this tensor was disposed, or belongs to another backend');
    const info = tensorMap.get(dataId);
    if (info.values !== null && binding.recorder?.idOf(dataId) === undefined) return info.values;
    return binding.tensorDataSync(idOf(dataId));
  };

  const disposeData = made.disposeData.bind(made);
  made.disposeData = (dataId, force) => {
    const info = tensorMap.has(dataId) ? tensorMap.get(dataId) : undefined;
    const gone = disposeData(dataId, force);
    // The value is not needed any more; a variable that lives on gets its resource back when it is trained again.
    if (gone && info !== undefined) info.resource?.abandon(info, binding.recorder === undefined);
    return gone;
  };
}

/** The backend `tensorflow`; undefined where tfjs runs without it. */
export function tensorflowBackend(): NodeBackend | undefined {
  return backend;
}
