import { availableParallelism } from 'node:os';
import { contextDevices, type TensorflowDevice } from './c-api/context.ts';
import { contextOptions, loadedTensorflow, loadingFailure, runtimeChoice } from './loading.ts';
import { asError } from './errors.ts';
import { tfInstance, tfIsEvaluated } from './tfjs/instance.ts';

/** What computes, for `%device`. Nothing in it is guessed: what is not known is undefined. */
export interface BackendDescription {
  /** `tensorflow`, or `cpu` for tfjs's pure JavaScript; what will be used, as long as `loaded` is false. */
  backend: string;
  loaded: boolean;
  tensorflow: { version: string | undefined; path: string; runtime: string } | undefined;
  devices: TensorflowDevice[];
  /** 0 means that TensorFlow chooses: as many as there are processors. */
  threads: { intraOp: number; interOp: number; processors: number };
  /** Tensors that TensorFlow holds for us. */
  memory: { tensors: number; bytes: number } | undefined;
  /** Better runtimes that were not taken, and problems with the one that was. */
  passedOver: { name: string; why: string }[];
}

/** Describes the backend without loading anything. */
export function describeBackend(): BackendDescription {
  const loaded = loadedTensorflow();
  const options = contextOptions();
  let passedOver: BackendDescription['passedOver'] = [];
  let planned: ReturnType<typeof runtimeChoice>['runtime'];
  try {
    ({ runtime: planned, passedOver } = runtimeChoice());
  } catch (error) {
    passedOver = [{ name: process.env['TENSORCELL_RUNTIME'] ?? 'tensorflow', why: asError(error).message }];
  }
  const failure = loadingFailure();
  if (failure !== undefined && planned !== undefined) {
    passedOver = [...passedOver, { name: planned.name, why: asError(failure).message }];
  }
  const runtime = loaded?.runtime ?? (failure === undefined ? planned : undefined);
  const inUse = tfIsEvaluated() ? tfInstance().getBackend() : undefined;
  return {
    backend: inUse ?? (runtime === undefined ? 'cpu' : 'tensorflow'),
    loaded: loaded !== undefined,
    tensorflow:
      runtime === undefined
        ? undefined
        : {
            version: loaded?.binding.TF_Version ?? runtime.version,
            path: runtime.libraries,
            runtime: runtime.name,
          },
    devices: loaded === undefined ? [] : contextDevices(loaded.context),
    threads: {
      intraOp: options.intraOpThreads ?? 0,
      interOp: options.interOpThreads ?? 0,
      processors: availableParallelism(),
    },
    memory:
      loaded === undefined
        ? undefined
        : { tensors: loaded.binding.getNumOfTensors(), bytes: loaded.binding.memoryBytes() },
    passedOver,
  };
}
