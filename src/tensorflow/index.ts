/**
 * TensorFlow for TypeScript: `tf` on the best runtime of this machine.
 *
 * `loadTf()` gives tfjs with TensorFlow's C library behind it, `preload()` does the slow part of that beforehand
 * without blocking, and `describeBackend()` says what is used and why.
 */
import { installSizeChecks } from './shape-arguments.ts';
import { registerTensorflowBackend, tensorflowBackend } from './backend.ts';
import { firstNotFinite, installCompiledModels } from './compile/models.ts';
import { cellMemory, installCellMemory } from './cell-memory.ts';
import { describeDevicesWith } from '../display/index.ts';
import { notebookHost } from '../host.ts';
import { DeviceLoad } from '../training/device-load.ts';
import { tensorDevice } from './tensor-device.ts';
import { installTensorOperators } from './tensor-operators.ts';
import { installTraining } from '../training/index.ts';
import { installFileSource } from './file-source.ts';
import { installFileHandler } from '../training/model-files/tfjs-folder.ts';
import { describeBackend, describeMemory } from './describe.ts';
import { answerPlacement, withDevice } from '../devices/placement.ts';
import { currentMachine } from '../devices/machine.ts';
import { missedGpu } from '../devices/missed-gpu.ts';
import { explainOutOfMemory } from '../devices/out-of-memory.ts';
import { asError, onOutOfMemory } from './errors.ts';
import { installLayerScopes } from './compile/layer-scopes.ts';
import { installLossScaling } from './compile/loss-scale.ts';
import { installMixedPrecision } from './compile/precision.ts';
import { installOwnCode } from './compile/own-code.ts';
import { installConstraints } from './compile/constraints.ts';
import { installOptimizers } from './compile/optimizers.ts';
import { installSmallTransposes } from './compile/small-transposes.ts';
import { installSoftmax } from './compile/softmax.ts';
import { installRecurrentLoops } from './compile/recurrent-loop.ts';
import { installGradients } from './gradients/index.ts';
import { installKernels } from './kernels.ts';
import { installMissingKernels } from './missing-kernels.ts';
import { installNormalization } from './normalization.ts';
import { installRandom } from './random.ts';
import { installSummaries } from './summaries.ts';
import { loadTensorflow, loadTensorflowAside, runtimeChoice } from './loading.ts';
import { tfInstance, tfIsEvaluated, type NodeBackend, type Tf } from './tfjs/instance.ts';

export type { Tf } from './tfjs/instance.ts';
export type { ContextOptions } from './c-api/context-options.ts';
export { setContextOptions } from './loading.ts';
export { describeBackend, describeMemory } from './describe.ts';
export { restoreEngineState, saveEngineState, type EngineState } from './engine-state.ts';
export { compile, type Compiled, type CompileOptions } from './compile/compile.ts';
export { isComputing } from './compile/native-call.ts';
export type { MixedPrecision } from './compile/precision.ts';
export { eager, traceable } from './compile/own-code.ts';
export { profile, Profile } from './profile/profile.ts';
export { setRandomSeed } from './random.ts';
export { TensorflowError, type TensorflowErrorCode } from './errors.ts';

let ready: Tf | undefined;
let preloading: Promise<void> | undefined;

/** Said once, on first use, where there is no TensorFlow. Replaceable: a notebook shows it under the cell. */
let say = (line: string): void => {
  console.warn(line);
};

/** Where the one line about a missing or broken runtime goes. */
export function onBackendNotice(listener: (line: string) => void): void {
  say = listener;
}

/**
 * tfjs, with the backend `tensorflow` in use; or, where no TensorFlow runtime can be used, with its pure JavaScript
 * backend `cpu`, which is said once, with the command that helps. Blocks until the runtime is loaded.
 */
export function loadTf(): Tf {
  if (ready !== undefined) return ready;
  const tf = tfInstance();
  let problem: string | undefined;
  try {
    const loaded = loadTensorflow();
    if (loaded === undefined) {
      // Who asks for plain JavaScript need not be told that it is slow.
      if (process.env['TENSORCELL_RUNTIME'] === 'js') void tf.setBackend('cpu');
      else problem = 'No TensorFlow build is installed';
    } else {
      registerTensorflowBackend(tf, loaded.binding);
      // The cell that loads tf was begun before there was a binding to tell.
      loaded.binding.mark(notebookHost()?.execution() ?? 0);
      const { missing } = loaded;
      const passedOver = runtimeChoice().passedOver;
      if (missing !== undefined) {
        say(
          `${missing.what} found no GPU: ${missing.why}. tf computes on the CPU; \`%doctor\` shows details.`,
        );
      } else {
        const missed = loaded.binding.isUsingGpuDevice() ? undefined : missedGpu(currentMachine());
        if (missed !== undefined) say(missed);
      }
      onOutOfMemory((message) => explainOutOfMemory(currentMachine(), message, describeMemory()));
      installKernels(tf, tensorflowBackend() as NodeBackend);
      installGradients(tf, tensorflowBackend() as NodeBackend);
      installMissingKernels(tf, tensorflowBackend() as NodeBackend, (line) => {
        say(line);
      });
      installSizeChecks(tf, tensorflowBackend() as NodeBackend);
      installNormalization(tf, tensorflowBackend() as NodeBackend);
      installRandom(tf);
      installSummaries(tensorflowBackend() as NodeBackend, (line) => {
        say(line);
      });
      installOwnCode(tf);
      installOptimizers(tf);
      installConstraints(tf);
      installSmallTransposes(tf, tensorflowBackend() as NodeBackend);
      installSoftmax(tf, tensorflowBackend() as NodeBackend);
      installLossScaling(tf);
      installLayerScopes(tf);
      installRecurrentLoops(tf);
      installMixedPrecision(tf, () => loaded.binding.isUsingGpuDevice());
      installCompiledModels(tf, tensorflowBackend() as NodeBackend, (line) => {
        say(line);
      });
      for (const { what, why } of passedOver) {
        if (what === missing?.what) continue; // said above
        say(`${what} is installed but not used: ${why}. \`%doctor\` shows details.`);
      }
    }
  } catch (error) {
    problem = asError(error).message.replace(/\.$/, '');
  }
  if (problem !== undefined) {
    void tf.setBackend('cpu');
    say(
      `${problem}: tf runs in plain JavaScript, many times slower. ` +
        '`tensorcell runtime install` installs TensorFlow; restart the kernel afterwards.',
    );
  }
  describeDevicesWith(tensorDevice);
  installCellMemory(tf);
  installFileHandler(tf);
  installFileSource(tf);
  installTensorOperators(tf);
  installTraining(tf, {
    load: () => new DeviceLoad(currentMachine(), describeBackend),
    noticed: firstNotFinite,
  });
  ready = tf;
  return tf;
}

/**
 * Runs `action` with every op placed on one device of the runtime in use, and gives what it gives. When it is async, the
 * device stays set until its promise settles: ops of other code that runs meanwhile are placed there too.
 *
 * @param name `cuda:1`, `directml:0`, `gpu:0`, `cpu`, or `cpu:1` where the processor was split.
 * @throws PlacementError when there is no such device.
 */
export function device<T>(name: string, action: () => T): T {
  loadTf();
  return withDevice(name, action);
}

/** Whether `loadTf` was called and is done. */
export function tfIsReady(): boolean {
  return ready !== undefined;
}

/**
 * Does what `loadTf` would do, on other threads as far as possible: TensorFlow's libraries are mapped and its devices
 * started there; what is left for this thread is evaluating tfjs. Never rejects: `loadTf` reports problems.
 */
export function preload(): Promise<void> {
  preloading ??= (async () => {
    try {
      const loading = loadTensorflowAside();
      // Evaluated while the libraries are read from disk.
      if (!tfIsEvaluated()) tfInstance();
      await loading;
    } catch {
      // `loadTf` runs into the same and says so.
    }
  })();
  return preloading;
}

/** Lets the kernel process ask for `device` and `memory`: call it once the notebook's host is installed. */
export function answerQuestions(): void {
  notebookHost()?.answer('device', describeBackend);
  notebookHost()?.answer('memory', describeMemory);
  notebookHost()?.answer('tidy', (on) => {
    loadTf();
    return cellMemory()?.tidy(on as boolean | undefined);
  });
  notebookHost()?.answer('place', (name) => {
    loadTf();
    return answerPlacement(name);
  });
}
