import { tensorflowBackend } from '../tfjs/backend.ts';
import { loadedTensorflow } from '../engines/tensorflow/loading.ts';
import { contextDevices } from '../engines/tensorflow/c-api/context.ts';

export class PlacementError extends Error {
  readonly code: 'no-such-device' | 'no-tensorflow' | 'bad-name';

  constructor(code: PlacementError['code'], message: string) {
    super(message);
    this.name = 'PlacementError';
    this.code = code;
  }
}

const FAMILIES = ['cuda', 'directml', 'cpu', 'gpu'] as const;

/**
 * Our name of a device as TensorFlow's: `cuda:1` and `directml:1` are `/device:GPU:1`, `cpu` is `/device:CPU:0`.
 *
 * @throws {PlacementError} `bad-name`
 */
export function parseDeviceName(name: string): {
  family: (typeof FAMILIES)[number];
  device: string;
} {
  const [, written, index = 0] =
    /^(?:\/device:)?(cuda|directml|gpu|cpu)(?::(\d+))?$/i.exec(name.trim()) ?? [];
  const family = FAMILIES.find((one) => one === written?.toLowerCase());
  if (family === undefined) {
    throw new PlacementError('bad-name', `"${name}" is not a device: write cuda:0, directml:0, gpu:0 or cpu`);
  }
  return { family, device: `/device:${family === 'cpu' ? 'CPU' : 'GPU'}:${Number(index)}` };
}

/**
 * Sets the device of every op from now on; undefined leaves the choice to TensorFlow. An op without a device would run on
 * the first one, silently, whatever its inputs are on.
 *
 * @returns the device that was set before.
 * @throws {PlacementError} when TensorFlow does not serve, or has no such device.
 */
function placeOn(device: string | undefined): string | undefined {
  const loaded = loadedTensorflow();
  if (!loaded || !tensorflowBackend()) {
    throw new PlacementError(
      'no-tensorflow',
      'tf runs in plain JavaScript, which has no devices to choose from',
    );
  }
  const { binding, context } = loaded;
  if (device !== undefined) {
    const known = contextDevices(context).map(({ name }) => name.replace(/^.*(?=\/device:)/, ''));
    if (!known.includes(device)) {
      throw new PlacementError(
        'no-such-device',
        `this TensorFlow build has no ${device}: it has ${known.join(', ')} (%device lists what the machine has)`,
      );
    }
  }
  const before = binding.device;
  binding.device = device;
  return before;
}

/**
 * The work of `tensorcell.device` once TensorFlow is loaded: runs `action` with every op placed on one device, and its tensors with them.
 *
 * When `action` is async the device stays set until its promise settles: ops of other code that runs meanwhile are
 * placed there too.
 *
 * @param name `cuda:1`, `directml:0`, `gpu:0`, `cpu`, `cpu:1`
 * @throws {PlacementError} when there is no such device in the runtime in use.
 */
export function withDevice<T>(name: string, action: () => T): T {
  const before = placeOn(parseDeviceName(name).device);
  let result: T;
  try {
    result = action();
  } catch (error) {
    placeOn(before);
    throw error;
  }
  if (result instanceof Promise) {
    return result.finally(() => {
      placeOn(before);
    }) as T;
  }
  placeOn(before);
  return result;
}

/** Answers `%device use`: sets the device for all that follows, and says which it is. */
export function answerPlacement(argument: unknown): { device: string } {
  const { device } = parseDeviceName(String(argument));
  placeOn(device);
  return { device };
}
