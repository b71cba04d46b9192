import type { BackendDescription } from './backend-description.ts';
import { cudaObstacle } from './cuda/fit.ts';
import { vendorName } from './directx/report.ts';
import type { Inventory } from './inventory.ts';
import { hasGlibc } from './inventory.ts';
import type { Machine } from './machine.ts';
import { readText } from './machine.ts';
import { runtimesFolder } from '../../base/home.ts';
import { nvmlMeaning } from './nvml/report.ts';
import type { BuildInfo, InstalledRuntime } from './runtimes.ts';
import { cudaBuildOf, detectBuildInfo, detectRuntimes } from './runtimes.ts';
import { xlaKnowledge } from './xla.ts';

/** One way to compute, best first. */
export interface Rung {
  name: 'cuda' | 'directml' | 'cpu' | 'js';
  title: string;
  /** `chosen`: the first that works; `possible`: works too; `passed over`: does not, and `why`. */
  state: 'chosen' | 'possible' | 'rejected';
  /** What was found: for a chosen one what speaks for it, for others what speaks against. */
  why: string;
  /** Commands or steps that would make it work. */
  fix: string[];
  /** Whether this machine has the hardware, so that passing it over is worth a warning. */
  hardware: boolean;
  /** The user asked for this one: what lies above it is not missed. */
  asked: boolean;
  /** The hardware can never do it, whatever is installed or repaired. */
  never: boolean;
}

interface Verdict {
  works: boolean;
  why: string;
  fix?: string[];
  hardware: boolean;
  /** CUDA will never work with this hardware: only then is DirectML worth offering. */
  never?: boolean;
}

const INSTALL_CUDA = 'tensorcell runtime install cuda';
const INSTALL_DIRECTML = 'tensorcell runtime install directml';
const INSTALL_CPU = 'tensorcell runtime install cpu';

const DRIVER = 'install the current NVIDIA driver on Windows (WSL needs nothing else)';

/** Why NVIDIA's libraries show no device, from the outermost cause inwards. */
function withoutNvidia(inventory: Inventory): Verdict {
  const { system, dxg, libnvml, libcuda, nvml, smi, pci } = inventory;
  const wsl = system.kind === 'wsl2';
  if (system.kind === 'wsl1') {
    return {
      works: false,
      hardware: false,
      why: 'WSL 1 has no GPU support',
      fix: [`wsl --set-version ${system.wslDistribution ?? 'DISTRIBUTION'} 2`],
    };
  }
  if (nvml && !nvml.ok) {
    const hardware = true;
    if (nvml.reason === 'hung') {
      return {
        works: false,
        hardware,
        why: `the NVIDIA driver does not answer (${nvml.message})`,
        fix: wsl ? ['wsl --shutdown'] : ['restart the machine'],
      };
    }
    return {
      works: false,
      hardware,
      why: `NVML cannot be used: ${nvml.message}`,
      fix: ['tensorcell doctor'],
    };
  }
  if (nvml?.ok && nvml.value.init !== 0) {
    return {
      works: false,
      hardware: dxg !== 'absent' || pci.some(({ vendorId }) => vendorId === 0x10de),
      why: `NVML does not start: ${nvmlMeaning(nvml.value.init)}`,
      fix: ['tensorcell doctor'],
    };
  }
  if (nvml?.ok) {
    const { count } = nvml.value;
    return {
      works: false,
      hardware: false,
      why: 'code' in count ? `NVML cannot count devices: ${nvmlMeaning(count.code)}` : 'NVML lists no device',
    };
  }
  if (wsl && dxg === 'absent') {
    return {
      works: false,
      hardware: false,
      why: '/dev/dxg is missing: WSL does not expose a GPU',
      fix: ['wsl --update', 'tensorcell doctor'],
    };
  }
  if (wsl && libcuda.length === 0) {
    const others = inventory.directx?.ok
      ? inventory.directx.value.adapters.filter(({ hardware }) => hardware !== false)
      : [];
    const nvidia = others.some(({ vendorId }) => vendorId === 0x10de);
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
  const card = pci.some(({ vendorId }) => vendorId === 0x10de);
  if (libnvml.length === 0 && libcuda.length === 0) {
    return {
      works: false,
      hardware: card,
      why: card
        ? system.container
          ? `an NVIDIA card is on the bus, but this ${system.container} container has no driver libraries`
          : 'an NVIDIA card is on the bus, but no driver is installed'
        : 'no NVIDIA GPU found (no driver library, no card on the bus)',
      fix: card
        ? system.container
          ? ['start the container with --gpus all (needs the NVIDIA Container Toolkit)']
          : ["install the distribution's NVIDIA driver"]
        : [],
    };
  }
  return {
    works: false,
    hardware: card || (wsl && libcuda.length > 0),
    why: `driver libraries are there, but no device: ${smi && !smi.ok ? smi.message : 'nothing answers'}`,
    fix: ['tensorcell doctor'],
  };
}

function judgeCuda(
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
      why: visible[0]!.unavailable['name']!,
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
  const runtime =
    runtimes.find(({ name }) => name === 'cuda') ??
    runtimes.find((one) => one.name === 'python' && cudaBuildOf(machine, one) !== undefined);
  const title = `${fits.map(({ name }) => name).join(', ')}, driver ${first.driverVersion ?? 'unknown'}`;
  if (!runtime) {
    return {
      works: false,
      hardware: true,
      why: `the CUDA build of TensorFlow is not installed (found ${title})`,
      fix: [INSTALL_CUDA],
    };
  }
  const xla = xlaKnowledge(machine, answering, build, runtime);
  const remark = xla === undefined || xla.works ? '' : `; training steps run without XLA: ${xla.why}`;
  return { works: true, hardware: true, why: `${title}${remark}` };
}

function judgeDirectml(inventory: Inventory, cuda: Verdict, runtimes: readonly InstalledRuntime[]): Verdict {
  if (inventory.system.kind !== 'wsl2') {
    return { works: false, hardware: false, why: 'DirectML is available only inside WSL 2' };
  }
  if (inventory.dxg === 'absent') {
    return {
      works: false,
      hardware: false,
      why: '/dev/dxg is missing: WSL does not expose a GPU',
      fix: ['wsl --update'],
    };
  }
  if (inventory.dxg === 'forbidden') {
    return {
      works: false,
      hardware: true,
      why: 'this user has no permission to use /dev/dxg',
      fix: ['sudo chmod a+rw /dev/dxg'],
    };
  }
  if (inventory.libdxcore.length === 0) {
    return {
      works: false,
      hardware: false,
      why: 'no libdxcore.so in /usr/lib/wsl/lib',
      fix: ['wsl --update'],
    };
  }
  const directx = inventory.directx;
  if (directx && !directx.ok)
    return { works: false, hardware: true, why: directx.message, fix: ['wsl --shutdown'] };
  const adapters = directx?.ok
    ? directx.value.adapters.filter(({ hardware }) => hardware !== false)
    : undefined;
  if (adapters?.length === 0) {
    return { works: false, hardware: false, why: 'DirectX lists no hardware adapter' };
  }
  const names = adapters?.map(({ name }) => name ?? 'an adapter without a name').join(', ');
  if (!runtimes.some(({ name }) => name === 'directml')) {
    const offered = cuda.never === true;
    return {
      works: false,
      hardware: offered,
      why: `the DirectML build of TensorFlow is not installed${names ? ` (found ${names})` : ''}; it is in maintenance mode${offered ? '' : ', for GPUs without CUDA'}`,
      fix: offered ? [INSTALL_DIRECTML] : [],
    };
  }
  return {
    works: true,
    hardware: true,
    why: `${names ?? 'a DirectX adapter'} (in maintenance mode, with TensorFlow 2.10)`,
  };
}

function judgeCpu(machine: Machine, inventory: Inventory, runtimes: readonly InstalledRuntime[]): Verdict {
  const { cpu } = inventory.system;
  const name = cpu.model ?? `${machine.architecture} CPU`;
  if (!hasGlibc(machine)) {
    return {
      works: false,
      hardware: false,
      why: "TensorFlow's libraries need glibc, and this system has none",
    };
  }
  if (machine.architecture === 'x64' && cpu.flags.size > 0 && !cpu.flags.has('avx')) {
    return {
      works: false,
      hardware: false,
      why: `${name} has no AVX, which TensorFlow's libraries are built for`,
    };
  }
  if (runtimes.length === 0) {
    return { works: false, hardware: true, why: 'no TensorFlow build is installed', fix: [INSTALL_CPU] };
  }
  return { works: true, hardware: true, why: `${name}, ${cpu.processors} logical CPUs` };
}

/**
 * What was tried, in which order, and why each was passed over or chosen.
 *
 * @param assumed runtimes to take for installed, and no other: what would work if they were. Nobody's wish counts then.
 */
export function climb(machine: Machine, inventory: Inventory, assumed?: readonly InstalledRuntime[]): Rung[] {
  const build = detectBuildInfo(machine);
  const runtimes = assumed ?? detectRuntimes(machine);
  const cuda = judgeCuda(machine, inventory, build, runtimes);
  const verdicts: [Rung['name'], string, Verdict][] = [
    ['cuda', 'NVIDIA GPU with CUDA', cuda],
    ['directml', 'any GPU with DirectML', judgeDirectml(inventory, cuda, runtimes)],
    ['cpu', 'CPU with TensorFlow', judgeCpu(machine, inventory, runtimes)],
    ['js', 'CPU with plain JavaScript', { works: true, hardware: true, why: 'works everywhere, slowly' }],
  ];
  const { name: wanted, by } = assumed ? { name: undefined, by: '' } : wantedRuntime(machine);
  // Python's TensorFlow takes the GPU where it was built for one and there is one.
  const python = runtimes.find(({ name }) => name === 'python');
  const names =
    wanted !== 'python' ? [wanted] : python && cudaBuildOf(machine, python) ? ['cuda', 'cpu'] : ['cpu'];
  const asked = names
    .map((name) => verdicts.find(([rung, , { works }]) => works && rung === name)?.[0])
    .find((name) => name !== undefined);
  const chosen = asked ?? verdicts.find(([, , { works }]) => works)![0];
  return verdicts.map(([name, title, { works, why, fix, hardware, never }]) => ({
    name,
    title,
    state: name === chosen ? 'chosen' : works ? 'possible' : 'rejected',
    why: name === asked ? `${why} (requested by ${by})` : why,
    fix: fix ?? [],
    hardware,
    asked: name === asked,
    never: never === true,
  }));
}

/** The kind of runtime that was asked for: by the variable, else by `tensorcell runtime use`. */
export function wantedRuntime(machine: Machine): { name: string | undefined; by: string } {
  const kind = (text: string): string => text.replace(/^.*\//, '').replace(/-\d.*$/, '');
  const named = machine.environment['TENSORCELL_RUNTIME'];
  if (named) return { name: kind(named), by: 'TENSORCELL_RUNTIME' };
  const selected = readText(machine, `${runtimesFolder(machine.environment)}/selected.json`);
  try {
    const { runtime } = JSON.parse(selected ?? '{}') as { runtime?: unknown };
    if (typeof runtime === 'string') return { name: kind(runtime), by: 'tensorcell runtime use' };
  } catch {
    // Not written by us: as if nothing had been chosen.
  }
  return { name: undefined, by: '' };
}

/** The rungs above the chosen one whose hardware is there: what makes the session slower than it could be. */
export function missedRungs(rungs: readonly Rung[]): Rung[] {
  const chosen = rungs.findIndex(({ state }) => state === 'chosen');
  if (rungs[chosen]?.asked) return [];
  return rungs.slice(0, chosen).filter(({ hardware, state }) => hardware && state === 'rejected');
}

/** The backend that runs is a lower rung than the ladder's choice: the runtime knows why. */
export function fellShort(rungs: readonly Rung[], backend: BackendDescription): boolean {
  const chosen = rungs.find(({ state }) => state === 'chosen')?.name;
  const gpu = backend.devices.some(({ type }) => type === 'GPU');
  const running = backend.backend === 'tensorflow' ? (gpu ? (backend.runtime?.name ?? 'cpu') : 'cpu') : 'js';
  const order = ['cuda', 'directml', 'cpu', 'js'];
  return backend.loaded && chosen !== undefined && order.indexOf(running) > order.indexOf(chosen);
}
