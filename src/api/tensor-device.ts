import { tensorflowBackend } from '../tfjs/backend.ts';
import { Status } from '../engines/tensorflow/c-api/library.ts';
import { loadedTensorflow } from '../engines/tensorflow/loading.ts';
import { tfInstance, tfIsEvaluated } from '../tfjs/instance.ts';

/**
 * Where the values of a tensor lie: `cpu`, `cuda:0`, `directml:1`, or a sentence where that is no device. Asks without
 * moving anything. Undefined where it cannot be told: for tensors of another copy of tfjs, and for variables whose value a
 * compiled step holds.
 */
export function tensorDevice(dataId: object): string | undefined {
  const backend = tensorflowBackend();
  const loaded = loadedTensorflow();
  if (backend === undefined || loaded === undefined) {
    if (!tfIsEvaluated()) return undefined;
    const tf = tfInstance();
    return tf.getBackend() === 'cpu' && tf.engine().backend.numDataIds() > 0 ? 'plain JavaScript' : undefined;
  }
  if (!backend.tensorMap.has(dataId)) return undefined;
  const { id, values } = backend.tensorMap.get(dataId);
  // Values go to a device when the first operation needs them.
  if (values !== null) return 'not on a device yet';
  if (id < 0 || !loaded.binding.hasHandle(id)) return undefined;
  const { api } = loaded.context;
  const status = new Status(api);
  const name = api.TFE_TensorHandleBackingDeviceName(loaded.binding.handle(id), status.pointer);
  status.check();
  api.TF_DeleteStatus(status.pointer);
  return deviceName(name, loaded.runtime.name);
}

/** TensorFlow's `/job:localhost/replica:0/task:0/device:GPU:0` as cells write it: `cuda:0`. */
export function deviceName(full: string, runtime: string): string {
  const match = /device:(\w+):(\d+)$/.exec(full);
  if (match === null) return full;
  const [, kind = '', number = '0'] = match;
  if (kind === 'CPU') return number === '0' ? 'cpu' : `cpu:${number}`;
  const family = runtime === 'cuda' || runtime === 'directml' ? runtime : kind.toLowerCase();
  return `${family}:${number}`;
}
