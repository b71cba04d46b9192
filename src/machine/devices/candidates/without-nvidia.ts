import type { Inventory } from '../inventory.ts';
import { vendorName } from '../directx/report.ts';
import { nvmlMeaning } from '../nvml/report.ts';
import type { Verdict } from './verdict.ts';

const NVIDIA = 0x10de;

export const DRIVER = 'install the current NVIDIA driver on Windows (WSL needs nothing else)';

/** Causes from the outermost inwards: the first that applies counts. */
const CAUSES: readonly ((inventory: Inventory) => Verdict | undefined)[] = [
  withoutWsl2,
  withoutNvml,
  withoutDxg,
  withoutWindowsDriver,
  withoutDriverLibraries,
];

/** Why NVIDIA's libraries show no device. */
export function withoutNvidia(inventory: Inventory): Verdict {
  for (const cause of CAUSES) {
    const verdict = cause(inventory);
    if (verdict !== undefined) return verdict;
  }
  const { system, smi, libcuda } = inventory;
  return {
    works: false,
    hardware: hasCard(inventory) || (system.kind === 'wsl2' && libcuda.length > 0),
    why: `driver libraries are there, but no device: ${smi && !smi.ok ? smi.message : 'nothing answers'}`,
    fix: ['tensorcell doctor'],
  };
}

function hasCard({ pci }: Inventory): boolean {
  return pci.some(({ vendorId }) => vendorId === NVIDIA);
}

function withoutWsl2({ system }: Inventory): Verdict | undefined {
  if (system.kind !== 'wsl1') return undefined;
  return {
    works: false,
    hardware: false,
    why: 'WSL 1 has no GPU support',
    fix: [`wsl --set-version ${system.wslDistribution ?? 'DISTRIBUTION'} 2`],
  };
}

function withoutNvml(inventory: Inventory): Verdict | undefined {
  const { system, dxg, nvml } = inventory;
  if (nvml === undefined) return undefined;
  if (!nvml.ok && nvml.reason === 'hung') {
    return {
      works: false,
      hardware: true,
      why: `the NVIDIA driver does not answer (${nvml.message})`,
      fix: system.kind === 'wsl2' ? ['wsl --shutdown'] : ['restart the machine'],
    };
  }
  if (!nvml.ok) {
    return {
      works: false,
      hardware: true,
      why: `NVML cannot be used: ${nvml.message}`,
      fix: ['tensorcell doctor'],
    };
  }
  if (nvml.value.init !== 0) {
    return {
      works: false,
      hardware: dxg !== 'absent' || hasCard(inventory),
      why: `NVML does not start: ${nvmlMeaning(nvml.value.init)}`,
      fix: ['tensorcell doctor'],
    };
  }
  const { count } = nvml.value;
  return {
    works: false,
    hardware: false,
    why: 'code' in count ? `NVML cannot count devices: ${nvmlMeaning(count.code)}` : 'NVML lists no device',
  };
}

/** WSL's device for GPUs. */
function withoutDxg({ system, dxg }: Inventory): Verdict | undefined {
  if (system.kind !== 'wsl2' || dxg !== 'absent') return undefined;
  return {
    works: false,
    hardware: false,
    why: '/dev/dxg is missing: WSL does not expose a GPU',
    fix: ['wsl --update', 'tensorcell doctor'],
  };
}

function withoutWindowsDriver({ system, libcuda, directx }: Inventory): Verdict | undefined {
  if (system.kind !== 'wsl2' || libcuda.length > 0) return undefined;
  const others = directx?.ok ? directx.value.adapters.filter(({ hardware }) => hardware !== false) : [];
  const nvidia = others.some(({ vendorId }) => vendorId === NVIDIA);
  if (others.length > 0 && !nvidia) {
    const names = others.map(({ name, vendorId }) => name ?? vendorName(vendorId) ?? 'an unknown adapter');
    return {
      works: false,
      hardware: false,
      never: true,
      why: `no NVIDIA GPU (this machine has ${names.join(', ')})`,
    };
  }
  return {
    works: false,
    hardware: nvidia,
    why: 'no libcuda.so.1 in /usr/lib/wsl/lib: no NVIDIA GPU, or its Windows driver is missing',
    fix: nvidia ? [DRIVER] : [],
  };
}

function withoutDriverLibraries(inventory: Inventory): Verdict | undefined {
  const { system, libnvml, libcuda } = inventory;
  if (libnvml.length > 0 || libcuda.length > 0) return undefined;
  if (!hasCard(inventory)) {
    return {
      works: false,
      hardware: false,
      why: 'no NVIDIA GPU found (no driver library, no card on the bus)',
      fix: [],
    };
  }
  return {
    works: false,
    hardware: true,
    ...(system.container
      ? {
          why: `an NVIDIA card is on the bus, but this ${system.container} container has no driver libraries`,
          fix: ['start the container with --gpus all (needs the NVIDIA Container Toolkit)'],
        }
      : {
          why: 'an NVIDIA card is on the bus, but no driver is installed',
          fix: ["install the distribution's NVIDIA driver"],
        }),
  };
}
