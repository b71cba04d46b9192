import { detectLibraries } from './loader.ts';
import type { Machine } from './machine.ts';
import { exists, listFolder, readText } from './machine.ts';
import { detectRuntimes } from './runtimes.ts';
import { runtimesFolder } from '../../base/home.ts';

/**
 * One line for the first use of tf on the CPU of a machine that has an NVIDIA GPU and no CUDA runtime; undefined where
 * nothing is missed or a setting requests it. Looks at files only: takes a millisecond, and no driver can hang it.
 */
export function missedGpu(machine: Machine): string | undefined {
  const { environment } = machine;
  if (environment['TENSORCELL_RUNTIME']) return undefined;
  if (readText(machine, `${runtimesFolder(environment)}/selected.json`) !== undefined) return undefined;
  const hidden = environment['CUDA_VISIBLE_DEVICES'];
  if (hidden !== undefined && /^\s*(-1.*)?$/.test(hidden)) return undefined;
  // With one installed, the device selection has the reason why it was rejected.
  if (detectRuntimes(machine).some(({ name }) => name === 'cuda')) return undefined;
  const driver = detectLibraries(machine, 'libcuda.so.1').length > 0;
  const device =
    exists(machine, '/dev/dxg') ||
    exists(machine, '/dev/nvidia0') ||
    listFolder(machine, '/proc/driver/nvidia/gpus').length > 0;
  if (!driver || !device) return undefined;
  return (
    'This machine has an NVIDIA GPU, but tf runs on the CPU: the CUDA build of TensorFlow is not installed. ' +
    '`tensorcell runtime install cuda` installs it; `%device why` gives the reasons.'
  );
}
