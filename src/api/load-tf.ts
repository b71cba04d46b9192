import { currentMachine } from '../machine/devices/machine.ts';
import { missedGpu } from '../machine/devices/missed-gpu.ts';
import { answerPlacement, withDevice } from './placement.ts';
import { notebookHost } from '../base/host.ts';
import { registerTensorflowBackend, tensorflowBackend } from '../tfjs/backend.ts';
import { cellMemory } from './cell-memory.ts';
import { describeBackend, describeMemory } from './describe.ts';
import { asError } from '../engines/errors.ts';
import { TensorflowEngine } from '../engines/tensorflow/engine.ts';
import { ENGINE_STEPS, LIBRARY_STEPS } from './install-steps.ts';
import { loadTensorflow, loadTensorflowAsync, runtimeChoice } from '../engines/tensorflow/loading.ts';
import { tfInstance, tfIsEvaluated, type NodeBackend, type Tf } from '../tfjs/instance.ts';

let ready: Tf | undefined;
let preloading: Promise<void> | undefined;

/** Shows a notice. Replaceable: a notebook shows it under the cell. */
let listener = (line: string): void => {
  console.warn(line);
};

function notify(line: string): void {
  listener(line);
}

/** Sends notices, such as the one line about a missing or broken TensorFlow build, to another listener. */
export function onBackendNotice(next: (line: string) => void): void {
  listener = next;
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
      // A user who chose plain JavaScript knows that it is slow.
      if (process.env['TENSORCELL_RUNTIME'] === 'js') void tf.setBackend('cpu');
      else problem = 'No TensorFlow build is installed';
    } else {
      registerTensorflowBackend(tf, new TensorflowEngine(loaded.binding));
      const { missing } = loaded;
      const rejected = runtimeChoice().rejected;
      if (missing !== undefined) {
        notify(
          `${missing.what} found no GPU: ${missing.why}. tf computes on the CPU; \`%doctor\` shows details.`,
        );
      } else {
        const missed = loaded.binding.isUsingGpuDevice() ? undefined : missedGpu(currentMachine());
        if (missed !== undefined) notify(missed);
      }
      const backend = tensorflowBackend() as NodeBackend;
      const { binding } = loaded;
      for (const step of ENGINE_STEPS) step.install({ tf, backend, binding, notify });
      for (const { what, why } of rejected) {
        if (what === missing?.what) continue; // notified above
        notify(`${what} is installed but not used: ${why}. \`%doctor\` shows details.`);
      }
    }
  } catch (error) {
    problem = asError(error).message.replace(/\.$/, '');
  }
  if (problem !== undefined) {
    void tf.setBackend('cpu');
    notify(
      `${problem}: tf runs in plain JavaScript, many times slower. ` +
        '`tensorcell runtime install` installs TensorFlow; restart the kernel afterwards.',
    );
  }
  for (const step of LIBRARY_STEPS) step.install(tf);
  ready = tf;
  return tf;
}

/**
 * Runs `action` with every op placed on one device of the runtime in use, and gives what it gives. When it is async, the
 * device stays set until its promise settles: ops of other code that runs meanwhile are placed there too.
 *
 * @param name `cuda:1`, `directml:0`, `gpu:0`, `cpu`, or `cpu:1` where the CPU was split.
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
      const loading = loadTensorflowAsync();
      // Evaluated while the libraries are read from disk.
      if (!tfIsEvaluated()) tfInstance();
      await loading;
    } catch {
      // `loadTf` runs into the same error and reports it.
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
