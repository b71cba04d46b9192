import { currentMachine } from '../machine/devices/machine.ts';
import { explainOutOfMemory } from '../machine/devices/out-of-memory.ts';
import { describeDevicesWith } from '../display/index.ts';
import { notebookHost } from '../base/host.ts';
import { DeviceLoad } from '../training/device-load.ts';
import { installTraining } from '../training/index.ts';
import { installFileHandler } from '../training/model-files/tfjs-folder.ts';
import type { Binding } from '../engines/tensorflow/binding.ts';
import { installCellMemory } from './cell-memory.ts';
import { installConstraints } from '../compile/lowering/constraints.ts';
import { installLayerScopes } from '../compile/tracing/layer-scopes.ts';
import { installLossScaling } from '../compile/lowering/loss-scale.ts';
import { firstNotFinite } from '../compile/loops/model-steps.ts';
import { installCompiledModels } from '../compile/loops/models.ts';
import { installOptimizers } from '../compile/lowering/optimizers.ts';
import { installUserCode } from '../compile/guards/user-code.ts';
import { installRecurrentLoops } from '../compile/lowering/recurrent-loop.ts';
import { installSmallTransposes } from '../compile/lowering/small-transposes.ts';
import { installSoftmax } from '../compile/lowering/softmax.ts';
import { describeBackend, describeMemory } from './describe.ts';
import { onOutOfMemory } from '../engines/errors.ts';
import { installFileSource } from './file-source.ts';
import { installGradients } from '../tfjs/gradients/index.ts';
import { installAddedKernels } from '../tfjs/kernels/index.ts';
import { installNativeKernels } from '../tfjs/kernels/native.ts';
import { installNormalization } from '../tfjs/kernels/normalization.ts';
import { installSizeChecks } from '../tfjs/kernels/size-checks.ts';
import { installSummaries } from '../tfjs/kernels/summaries.ts';
import { installRandom } from '../compile/lowering/random.ts';
import { tensorDevice } from './tensor-device.ts';
import { installTensorOperators } from '../tfjs/tensor-operators.ts';
import type { NodeBackend, Tf } from '../tfjs/instance.ts';

/** One change to tfjs. */
export interface InstallStep<Parts> {
  name: string;
  /** Why the step has its place in the order; `any` where it depends on no other step and no other depends on it. */
  place: string;
  install(parts: Parts): void;
}

/** The session that the steps for TensorFlow change. */
export interface EngineParts {
  tf: Tf;
  backend: NodeBackend;
  binding: Binding;
  /** Shows a line to the user. */
  readonly notify: (line: string) => void;
}

/**
 * Steps that make tfjs run on TensorFlow, in order. A step that replaces a kernel keeps the one before it and may call that: the
 * later of two steps is the outer one.
 */
export const ENGINE_STEPS: readonly InstallStep<EngineParts>[] = [
  {
    name: 'the running cell',
    place:
      'first: tensors that later steps make belong to the cell that loads tf, which began before the binding existed',
    install: ({ binding }) => binding.mark(notebookHost()?.execution() ?? 0),
  },
  {
    name: 'the explanation of full devices',
    place: 'any',
    install: () =>
      onOutOfMemory((message) => explainOutOfMemory(currentMachine(), message, describeMemory())),
  },
  {
    name: 'native kernels',
    place:
      "directly around tfjs-node's kernels: they replace compositions of ops by one op and change no meaning",
    install: ({ tf, backend }) => installNativeKernels(tf, backend),
  },
  {
    name: 'gradients',
    place:
      'after the native kernels, since attributes that an op refuses are composed of others around them; before the added kernels, whose dtype casts and paddings then apply to the compositions too',
    install: ({ tf, backend }) => installGradients(tf, backend),
  },
  {
    name: 'added kernels',
    place: 'after the gradients (see there); before the size checks',
    install: ({ tf, backend, notify }) => installAddedKernels(tf, backend, notify),
  },
  {
    name: 'size checks',
    place: 'around every kernel that computes with sizes: a size is checked before any of them rounds it',
    install: ({ tf, backend }) => installSizeChecks(tf, backend),
  },
  {
    name: 'normalizations',
    place: 'any: kernels with new names, which a hook of tfjs-layers calls',
    install: ({ tf, backend }) => installNormalization(tf, backend),
  },
  { name: 'random numbers', place: 'any: a hook of tfjs-core', install: ({ tf }) => installRandom(tf) },
  {
    name: 'event files',
    place: 'any: methods of the backend that nothing else replaces',
    install: ({ backend, notify }) => installSummaries(backend, notify),
  },
  {
    name: "the user's functions",
    place:
      'before anything calls tf.grad and the like: what these return then stands for the function that it differentiates',
    install: ({ tf }) => installUserCode(tf),
  },
  {
    name: 'optimizers in traces',
    place: 'any: applyGradients, which no other step replaces',
    install: ({ tf }) => installOptimizers(tf),
  },
  {
    name: 'constraints in traces',
    place: 'any: a hook of tfjs-core',
    install: ({ tf }) => installConstraints(tf),
  },
  {
    name: 'small transposes in traces',
    place: 'around the size checks: traced code that needs no transpose skips them',
    install: ({ tf, backend }) => installSmallTransposes(tf, backend),
  },
  {
    name: 'softmax in traces',
    place: 'around the added kernels, which cast its dtypes where this step leaves them alone',
    install: ({ tf, backend }) => installSoftmax(tf, backend),
  },
  {
    name: 'loss scaling',
    place: 'any: computeGradients and tf.variableGrads, which no other step replaces',
    install: ({ tf }) => installLossScaling(tf),
  },
  {
    name: 'layer scopes',
    place:
      'around Layer.apply and tape nodes as tfjs has them; before the recurrent loops, which watch the same tape from outside',
    install: ({ tf }) => installLayerScopes(tf),
  },
  {
    name: 'recurrent loops',
    place: 'after the layer scopes (see there)',
    install: ({ tf }) => installRecurrentLoops(tf),
  },
  {
    name: 'compiled models',
    place:
      'last: fit, evaluate, predict and compile of every model, around all that the other steps have changed',
    install: ({ tf, backend, notify }) => installCompiledModels(tf, backend, notify),
  },
];

/** Steps for every tfjs, with TensorFlow or in plain JavaScript, after the engine's steps. */
export const LIBRARY_STEPS: readonly InstallStep<Tf>[] = [
  {
    name: 'devices of displayed tensors',
    place: 'any',
    install: () => describeDevicesWith(tensorDevice),
  },
  { name: 'memory by cell', place: 'any: needs the notebook only', install: (tf) => installCellMemory(tf) },
  {
    name: 'model files',
    place: "any: a handler of tfjs's registry",
    install: (tf) => installFileHandler(tf),
  },
  { name: 'regular files as sources', place: 'any', install: (tf) => installFileSource(tf) },
  { name: 'operators on tensors', place: 'any', install: (tf) => installTensorOperators(tf) },
  {
    name: 'layers and training displays',
    place:
      'last: around the compiled fit and fitDataset, which it shows; its layers have gradients and kernels by then',
    install: (tf) =>
      installTraining(tf, {
        load: () => new DeviceLoad(currentMachine(), describeBackend),
        noticed: firstNotFinite,
      }),
  },
];
