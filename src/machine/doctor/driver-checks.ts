import {
  capabilityFit,
  cudaObstacle,
  driverFit,
  FIRST_CUDA_12_DRIVER,
  lowestCapability,
} from '../devices/cuda/fit.ts';
import { cudaMeaning, formatCudaVersion } from '../devices/cuda/report.ts';
import { NVML, nvmlMeaning } from '../devices/nvml/report.ts';
import { formatBytes, formatShare } from '../../base/text/bytes.ts';
import type { Check } from './check.ts';
import { isWsl, updateDriver } from './check.ts';
import type { DoctorContext } from './context.ts';
import { expectsNvidia } from './library-checks.ts';
import { broken, note, ok, slow } from './finding.ts';

const restart = (context: DoctorContext): string =>
  isWsl(context) ? 'wsl --shutdown   (in Windows)' : 'restart the machine';

const nvidia = ({ inventory }: DoctorContext): DoctorContext['inventory']['devices'] =>
  inventory.devices.filter(({ vendor, source }) => vendor === 'NVIDIA' && source !== 'directx');

export const driverChecks: readonly Check[] = [
  {
    code: 'driver-hangs',
    look(context) {
      const { nvml, smi } = context.inventory;
      const hung = [nvml, smi, context.cuda].filter(
        (answer) => answer?.ok === false && answer.reason === 'hung',
      );
      if (hung.length === 0) return undefined;
      const messages = hung.map((answer) => (answer as { message: string }).message);
      return broken(`the driver hangs: ${messages.join('; ')}`, restart(context));
    },
  },
  {
    code: 'gpu-blocked',
    look(context) {
      const { nvml } = context.inventory;
      if (nvml?.ok !== true || nvml.value.init !== NVML.operatingSystem) return undefined;
      return broken(
        'GPU access is blocked by the operating system: on Windows the card is most likely in TCC mode, or its driver is too old',
        'nvidia-smi.exe -dm 0   (in Windows, as administrator: WDDM mode)',
        updateDriver(context),
      );
    },
  },
  {
    code: 'driver-mismatch',
    look(context) {
      const { nvml, system } = context.inventory;
      const mismatch =
        (nvml?.ok === true && nvml.value.init === NVML.versionMismatch) ||
        (context.cuda?.ok === true && context.cuda.value.init === 803);
      if (!mismatch || system.container) return undefined;
      return broken(
        "the driver's libraries and its kernel module have different versions, as after an update without a restart",
        restart(context),
      );
    },
  },
  {
    code: 'nvml',
    look(context) {
      const { nvml, smi, libnvml, system } = context.inventory;
      if (!nvml) {
        if (libnvml.length > 0 || !expectsNvidia(context)) return undefined;
        if (context.inventory.libcuda.length === 0) return undefined; // libcuda says it
        return smi?.ok
          ? note(
              'there is no libnvidia-ml.so.1: nvidia-smi is used instead, which is slower and reports less',
            )
          : slow(
              'there is no libnvidia-ml.so.1: utilization and temperature of the card cannot be shown',
              updateDriver(context),
            );
      }
      if (!nvml.ok) {
        if (nvml.reason === 'hung') return undefined; // driver-hangs says it
        return broken(`NVML cannot be queried: ${nvml.message}`, updateDriver(context));
      }
      const { init, count, devices } = nvml.value;
      // gpu-blocked, driver-mismatch and container-driver-in-image say these.
      if (init === NVML.operatingSystem || init === NVML.versionMismatch) return undefined;
      if (init === NVML.unknown && system.container) return undefined; // container-lost-gpu says it
      if (init !== NVML.success)
        return broken(`NVML does not start: ${nvmlMeaning(init)} (code ${init})`, updateDriver(context));
      if ('code' in count)
        return broken(`NVML cannot count devices: ${nvmlMeaning(count.code)}`, restart(context));
      const names = devices.map(({ name }) =>
        'value' in name ? name.value : 'a device that does not answer',
      );
      return count.value === 0
        ? note('NVML answers and lists no device')
        : ok(`NVML lists ${names.join(', ')}`);
    },
  },
  {
    code: 'gpu-lost',
    look(context) {
      const { nvml } = context.inventory;
      const lost = nvml?.ok ? nvml.value.devices.filter(({ handle }) => handle !== NVML.success) : [];
      const first = lost[0];
      if (!first) return undefined;
      return broken(
        `GPU ${lost.map(({ index }) => index).join(', ')} does not answer: ${nvmlMeaning(first.handle)}`,
        restart(context),
      );
    },
  },
  {
    code: 'nvml-unavailable',
    look(context) {
      const { nvml } = context.inventory;
      const fields = ['utilization', 'temperature', 'power', 'graphicsClock', 'processes'] as const;
      const device = nvml?.ok ? nvml.value.devices.find(({ handle }) => handle === NVML.success) : undefined;
      const missing = device ? fields.filter((field) => 'code' in device[field]) : [];
      if (missing.length === 0) return undefined;
      const names: Record<(typeof fields)[number], string> = {
        utilization: 'utilization',
        temperature: 'temperature',
        power: 'power',
        graphicsClock: 'clocks',
        processes: 'processes',
      };
      return note(
        `the driver does not report ${missing.map((field) => names[field]).join(', ')}: shown as unavailable`,
      );
    },
  },
  {
    code: 'cuda-init',
    look(context) {
      const { cuda, inventory } = context;
      if (!cuda) return undefined;
      if (!cuda.ok) {
        if (cuda.reason === 'hung') return undefined; // driver-hangs says it
        return broken(`libcuda cannot be used: ${cuda.message}`, updateDriver(context));
      }
      const { init, initName, initText, devices } = cuda.value;
      if (init === 0) {
        return devices.length > 0
          ? ok(
              `cuInit works; CUDA lists ${devices.map(({ name }) => name ?? 'an unnamed device').join(', ')}`,
            )
          : note('cuInit works, and CUDA lists no device');
      }
      const said = `cuInit fails: ${initName ?? `code ${init}`} (${initText ?? cudaMeaning(init)})`;
      if (init === 34) return undefined; // libcuda-stub says it
      if (init === 803 && !inventory.system.container) return undefined; // driver-mismatch says it
      if (init === 100 && !expectsNvidia(context)) return note(`${said}: there is no NVIDIA card`);
      const shadowed =
        inventory.system.kind === 'wsl2' &&
        inventory.libcuda[0]?.realPath.startsWith('/usr/lib/wsl/') === false;
      return broken(
        said,
        ...(shadowed
          ? ["see linux-driver and library-path: another libcuda hides WSL's"]
          : [restart(context)]),
      );
    },
  },
  {
    code: 'driver-version',
    look(context) {
      const devices = nvidia(context);
      const told = context.cuda?.ok ? context.cuda.value.driverVersion : null;
      const version = told === null ? devices[0]?.cudaVersion : formatCudaVersion(told);
      if (version === null || version === undefined || devices.length === 0) return undefined;
      const driver = devices[0]?.driverVersion ?? 'of unknown version';
      const fit = driverFit(version, context.build);
      const needs = `the TensorFlow build needs ${context.build.cudaVersion}`;
      if (fit === 'too-old') {
        return broken(
          `driver ${driver} runs CUDA up to ${version}, but ${needs} (first driver for it: ${FIRST_CUDA_12_DRIVER})`,
          updateDriver(context),
        );
      }
      if (fit === 'minor') {
        const obstacle = devices.map((card) =>
          cudaObstacle({ ...card, cudaVersion: version }, context.build),
        );
        const first = obstacle.find((one) => one?.cause === 'driver');
        return first
          ? broken(first.why, updateDriver(context))
          : ok(
              `driver ${driver} runs CUDA up to ${version}; ${needs}, whose machine code runs on any driver for the same major version`,
            );
      }
      return ok(`driver ${driver} runs CUDA up to ${version}; ${needs}`);
    },
  },
  {
    code: 'compute-capability',
    look(context) {
      const { build, inventory } = context;
      const devices = nvidia(context).flatMap(({ name, computeCapability }) =>
        computeCapability === null ? [] : [{ name: name ?? 'a GPU without a name', computeCapability }],
      );
      if (devices.length === 0) return undefined;
      const lowest = lowestCapability(build);
      const old = devices.filter(
        ({ computeCapability }) => capabilityFit(computeCapability, build) === 'too-old',
      );
      const first = old[0];
      if (first) {
        return slow(
          `${first.name} has compute capability ${first.computeCapability}; the TensorFlow build starts at ${lowest}, so the GPU is not used`,
          ...(inventory.system.kind === 'wsl2' ? ['tensorcell runtime install directml'] : []),
        );
      }
      const translated = devices.find(
        ({ computeCapability }) => capabilityFit(computeCapability, build) === 'translated',
      );
      if (translated) {
        return slow(
          `${translated.name} (compute capability ${translated.computeCapability}) is newer than the TensorFlow build: code for it is translated at the first operations, which takes minutes once, and may fail with CUDA_ERROR_INVALID_PTX`,
          'keep the folder ~/.nv/ComputeCache: it holds the translation',
          'tensorcell runtime install cuda   (when a newer build is available)',
        );
      }
      return ok(
        `the TensorFlow build has machine code for ${devices.map(({ name, computeCapability }) => `${name} (${computeCapability})`).join(', ')}`,
      );
    },
  },
  {
    code: 'compute-cache',
    look({ machine }) {
      const disabled = machine.environment['CUDA_CACHE_DISABLE'];
      return disabled === undefined || disabled === '0'
        ? undefined
        : slow(
            'CUDA_CACHE_DISABLE is set: translations for a new GPU are repeated in every session',
            'unset CUDA_CACHE_DISABLE',
          );
    },
  },
  {
    code: 'gpu-memory',
    look(context) {
      const full = nvidia(context).find(
        ({ memoryTotalBytes, memoryFreeBytes }) =>
          memoryTotalBytes !== null && memoryFreeBytes !== null && memoryFreeBytes < memoryTotalBytes * 0.05,
      );
      if (full) {
        return slow(
          `${full.id ?? full.name} has ${formatBytes(full.memoryFreeBytes!)} free (${formatShare(full.memoryUsedBytes ?? 0, full.memoryTotalBytes!)} used): what does not fit goes to system memory, many times slower`,
          'end the processes that hold it (%device lists them), or use a smaller batch',
          ...(isWsl(context)
            ? ['NVIDIA Control Panel: CUDA - Sysmem Fallback Policy: Prefer No Sysmem Fallback']
            : []),
        );
      }
      const told = nvidia(context).filter(({ memoryFreeBytes }) => memoryFreeBytes !== null);
      if (told.length === 0) return undefined;
      return ok(
        told
          .map(({ id, memoryFreeBytes }) => `${id ?? 'hidden'} has ${formatBytes(memoryFreeBytes!)} free`)
          .join(', '),
      );
    },
  },
  {
    code: 'memory-growth',
    look({ machine }) {
      const setting = machine.environment['TF_FORCE_GPU_ALLOW_GROWTH'];
      return setting === 'false' || setting === '0'
        ? slow(
            'TF_FORCE_GPU_ALLOW_GROWTH=false: TensorFlow takes all of the GPU memory at once',
            'unset TF_FORCE_GPU_ALLOW_GROWTH',
          )
        : undefined;
    },
  },
  {
    code: 'gpu-hidden',
    look(context) {
      const devices = nvidia(context);
      const hidden = devices.filter(({ id }) => id === null);
      if (hidden.length === 0) return undefined;
      const setting = context.machine.environment['CUDA_VISIBLE_DEVICES'] ?? '';
      const said = `CUDA_VISIBLE_DEVICES=${setting} hides ${hidden.map(({ name }) => name ?? 'a GPU').join(', ')}`;
      return hidden.length === devices.length ? slow(said, 'unset CUDA_VISIBLE_DEVICES') : note(said);
    },
  },
];
