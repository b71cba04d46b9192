import { availableParallelism } from 'node:os';
import type {
  BackendDescription,
  MemoryDescription,
  TensorDescription,
} from '../machine/devices/backend-description.ts';
import { tensorflowBackend } from '../tfjs/backend.ts';
import { contextDevices } from '../engines/tensorflow/c-api/context.ts';
import { engineOf } from '../tfjs/engine.ts';
import { dtypeName } from '../engines/dtypes.ts';
import { asError } from '../engines/errors.ts';
import {
  contextOptions,
  loadedTensorflow,
  loadingFailure,
  runtimeChoice,
} from '../engines/tensorflow/loading.ts';
import { runtimeLibraries } from '../engines/tensorflow/runtime-libraries.ts';
import { tfInstance, tfIsEvaluated } from '../tfjs/instance.ts';

/** Describes what computes, or will, without loading anything. Nothing in it is guessed. */
export function describeBackend(): BackendDescription {
  const loaded = loadedTensorflow();
  const options = contextOptions();
  let rejected: BackendDescription['rejected'] = [];
  let planned: ReturnType<typeof runtimeChoice>['runtime'];
  try {
    ({ runtime: planned, rejected } = runtimeChoice());
  } catch (error) {
    rejected = [{ what: process.env['TENSORCELL_RUNTIME'] ?? 'tensorflow', why: asError(error).message }];
  }
  const failure = loadingFailure();
  if (failure !== undefined && planned !== undefined) {
    rejected = [
      ...rejected,
      { what: planned.name, why: asError(failure).message, fix: 'tensorcell runtime install' },
    ];
  }
  const missing = loaded?.missing;
  if (missing !== undefined && !rejected.some(({ what }) => what === missing.what)) {
    rejected = [...rejected, missing];
  }
  const runtime = loaded?.runtime ?? (failure === undefined ? planned : undefined);
  const inUse = tfIsEvaluated() ? tfInstance().getBackend() : undefined;
  const description: BackendDescription = {
    loaded: loaded !== undefined,
    backend: inUse ?? (runtime === undefined ? 'cpu' : 'tensorflow'),
    devices:
      loaded === undefined ? [] : contextDevices(loaded.context).map(({ name, type }) => ({ name, type })),
    memory:
      loaded === undefined
        ? { tensors: 0, bytes: 0 }
        : {
            tensors: loaded.binding.valueCount(),
            bytes: loaded.binding.memoryBytes(),
            peakBytes: loaded.binding.peakBytes(),
          },
    rejected,
    pid: process.pid,
  };
  if (runtime !== undefined) {
    const version = loaded?.binding.TF_Version ?? runtime.version;
    description.runtime = { name: runtime.name, version: runtime.version ?? '', path: runtime.path };
    if (version !== undefined) description.tensorflowVersion = version;
    description.library = runtimeLibraries(runtime.libraries)?.main ?? runtime.libraries;
    // TensorFlow makes one thread for each CPU unless it is told a number.
    const processors = availableParallelism();
    description.threads = {
      intraOp: options.intraOpThreads || processors,
      interOp: options.interOpThreads || processors,
    };
  }
  return description;
}

/** Tensors of the backend `tensorflow` that hold memory, for `%memory`, the largest first. */
export function describeMemory(): MemoryDescription {
  const empty = { tensors: [], count: 0, bytes: 0, byExecution: {}, pid: process.pid };
  const loaded = loadedTensorflow();
  const backend = tensorflowBackend();
  if (loaded === undefined || backend === undefined) return empty;
  const variables = new Map<number | object, string>();
  const { registeredVariables } = engineOf(tfInstance()).state;
  for (const { dataId, name } of Object.values(registeredVariables)) {
    if (!backend.tensorMap.has(dataId)) continue;
    const { id, resource } = backend.tensorMap.get(dataId);
    if (id >= 0) variables.set(id, name);
    else if (resource !== undefined) variables.set(resource.memory, name);
  }
  const now = Date.now();
  const tensors = loaded.binding.tensors().map(({ id, shape, dtype, bytes, execution, since, owner }) => {
    const tensor: TensorDescription = {
      id,
      shape,
      dtype: dtypeName(dtype),
      bytes,
      execution,
      ageMs: now - since,
    };
    const variable = variables.get(owner ?? id);
    if (variable !== undefined) tensor.variable = variable;
    return tensor;
  });
  const byExecution: MemoryDescription['byExecution'] = {};
  let bytes = 0;
  for (const tensor of tensors) {
    const sum = (byExecution[tensor.execution] ??= { count: 0, bytes: 0 });
    sum.count++;
    sum.bytes += tensor.bytes;
    bytes += tensor.bytes;
  }
  tensors.sort((a, b) => b.bytes - a.bytes);
  return {
    tensors: tensors.slice(0, 1000),
    count: tensors.length,
    bytes,
    peakBytes: loaded.binding.peakBytes(),
    byExecution,
    pid: process.pid,
  };
}
