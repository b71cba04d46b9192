import { cudaObstacle } from '../cuda/fit.ts';
import type { Inventory } from '../inventory.ts';
import type { Device } from '../device.ts';
import type { Machine } from '../machine.ts';
import type { BuildInfo, InstalledRuntime } from '../runtimes.ts';
import { cudaBuildOf } from '../runtimes.ts';
import { xlaKnowledge } from '../xla.ts';
import { INSTALL_DIRECTML, type Verdict } from './verdict.ts';
import { DRIVER, withoutNvidia } from './without-nvidia.ts';

/** Whether TensorFlow can compute on an NVIDIA GPU. */
export function judgeCuda(
  machine: Machine,
  inventory: Inventory,
  build: BuildInfo,
  runtimes: readonly InstalledRuntime[],
): Verdict {
  const nvidia = inventory.devices.filter(
    ({ vendor, source }) => vendor === 'NVIDIA' && source !== 'directx',
  );
  if (nvidia.length === 0) return withoutNvidia(inventory);
  const visible = nvidia.filter(({ id }) => id !== null);
  if (visible.length === 0) {
    const setting = machine.environment['CUDA_VISIBLE_DEVICES'] ?? '';
    return {
      works: false,
      hardware: false,
      why: `CUDA_VISIBLE_DEVICES=${setting} hides every GPU`,
      fix: ['unset CUDA_VISIBLE_DEVICES'],
    };
  }
  const answering = visible.filter(({ unavailable }) => unavailable['name'] === undefined);
  const first = answering[0];
  if (!first) {
    return {
      works: false,
      hardware: true,
      why: visible[0]?.unavailable['name'] ?? 'the GPU does not answer',
      fix: inventory.system.kind === 'wsl2' ? ['wsl --shutdown'] : ['restart the machine'],
    };
  }
  if (inventory.libcuda.length === 0) {
    return { works: false, hardware: true, why: 'there is no libcuda.so.1', fix: ['tensorcell doctor'] };
  }
  const fits = answering.filter((card) => cudaObstacle(card, build) === undefined);
  const obstacle = fits.length === 0 ? cudaObstacle(first, build) : undefined;
  if (obstacle) {
    const { cause, why } = obstacle;
    const wsl = inventory.system.kind === 'wsl2';
    return cause === 'driver'
      ? { works: false, hardware: true, why, fix: [wsl ? DRIVER : 'update the NVIDIA driver'] }
      : { works: false, hardware: true, never: true, why, fix: wsl ? [INSTALL_DIRECTML] : [] };
  }
  return judgeBuild(machine, answering, fits, build, runtimes);
}

/** Whether a TensorFlow build for these GPUs is installed. */
function judgeBuild(
  machine: Machine,
  answering: readonly Device[],
  fits: readonly Device[],
  build: BuildInfo,
  runtimes: readonly InstalledRuntime[],
): Verdict {
  const runtime =
    runtimes.find(({ name }) => name === 'cuda') ??
    runtimes.find((one) => one.name === 'python' && cudaBuildOf(machine, one) !== undefined);
  const title = `${fits.map(({ name }) => name).join(', ')}, driver ${answering[0]?.driverVersion ?? 'unknown'}`;
  if (!runtime) {
    return {
      works: false,
      hardware: true,
      why: `the CUDA build of TensorFlow is not installed (found ${title})`,
      fix: ['tensorcell runtime install cuda'],
    };
  }
  const xla = xlaKnowledge(machine, answering, build, runtime);
  const remark = xla === undefined || xla.works ? '' : `; training steps run without XLA: ${xla.why}`;
  return { works: true, hardware: true, why: `${title}${remark}` };
}
