import type { Machine } from './machine.ts';
import { exists, listFolder, readText } from './machine.ts';

export interface KernelRelease {
  release: string;
  /** 1 or 2 inside WSL. */
  wsl: 1 | 2 | undefined;
  version: [number, number, number] | undefined;
}

/**
 * WSL 1 calls itself `4.4.0-19041-Microsoft`; WSL 2 `5.15.167.4-microsoft-standard-WSL2`. Kernels that people build
 * themselves often keep neither suffix: `detectSystem` looks further.
 */
export function parseKernelRelease(text: string): KernelRelease {
  const release = text.trim();
  const numbers = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  const version: KernelRelease['version'] = numbers
    ? [Number(numbers[1]), Number(numbers[2]), Number(numbers[3] ?? 0)]
    : undefined;
  let wsl: KernelRelease['wsl'];
  if (/wsl2/i.test(release)) wsl = 2;
  else if (/microsoft/i.test(release)) wsl = version && version[0] >= 5 ? 2 : 1;
  return { release, wsl, version };
}

/** `PRETTY_NAME` of `/etc/os-release`. */
export function parseOsRelease(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z_][A-Z_0-9]*)=(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) values[name] = value.replace(/^(["'])(.*)\1$/, '$2');
  }
  return values;
}

export interface CpuInfo {
  model: string | null;
  /** Logical CPUs. */
  processors: number;
  flags: ReadonlySet<string>;
}

/** `/proc/cpuinfo` of x86 and of ARM (which has `Features` and often no name). */
export function parseCpuInfo(text: string): CpuInfo {
  const field = (name: string): string | undefined =>
    new RegExp(String.raw`^${name}\s*:\s*(.*)$`, 'm').exec(text)?.[1]?.trim();
  return {
    model: field('model name') ?? field('Model') ?? null,
    processors: (text.match(/^processor\s*:/gm) ?? []).length,
    flags: new Set((field('flags') ?? field('Features') ?? '').split(/\s+/).filter(Boolean)),
  };
}

export interface MemoryInfo {
  totalBytes: number | null;
  availableBytes: number | null;
  swapTotalBytes: number | null;
}

/** `/proc/meminfo`, whose `kB` are 1024 bytes. */
export function parseMemoryInfo(text: string): MemoryInfo {
  const bytes = (name: string): number | null => {
    const match = new RegExp(String.raw`^${name}:\s+(\d+) kB$`, 'm').exec(text);
    return match ? Number(match[1]) * 1024 : null;
  };
  return {
    totalBytes: bytes('MemTotal'),
    availableBytes: bytes('MemAvailable'),
    swapTotalBytes: bytes('SwapTotal'),
  };
}

export type ContainerKind = 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'systemd-nspawn' | 'container';

/** The container around us, from marker files and the first process's environment and cgroup. */
export function parseContainer(facts: {
  dockerenv: boolean;
  containerenv: boolean;
  variable: string | undefined;
  kubernetes: boolean;
  cgroup: string;
}): ContainerKind | undefined {
  if (facts.kubernetes) return 'kubernetes';
  if (facts.containerenv) return 'podman';
  if (facts.dockerenv) return 'docker';
  if (facts.variable === 'docker' || facts.variable === 'podman' || facts.variable === 'lxc')
    return facts.variable;
  if (facts.variable === 'systemd-nspawn') return 'systemd-nspawn';
  if (/\/(docker|containerd)[/-]/.test(facts.cgroup)) return 'docker';
  if (/\/kubepods/.test(facts.cgroup)) return 'kubernetes';
  if (/\/lxc[./]/.test(facts.cgroup)) return 'lxc';
  return facts.variable !== undefined && facts.variable !== 'wsl' && facts.variable !== ''
    ? 'container'
    : undefined;
}

export interface SystemFacts {
  kind: 'wsl1' | 'wsl2' | 'linux';
  kernel: KernelRelease;
  /** Name of the distribution, as it calls itself. */
  distribution: string | null;
  /** Name under which Windows knows it (`WSL_DISTRO_NAME`). */
  wslDistribution: string | null;
  container: ContainerKind | undefined;
  cpu: CpuInfo;
  memory: MemoryInfo;
}

export function detectSystem(machine: Machine): SystemFacts {
  const kernel = parseKernelRelease(readText(machine, '/proc/sys/kernel/osrelease') ?? '');
  const distribution = parseOsRelease(readText(machine, '/etc/os-release') ?? '')['PRETTY_NAME'] ?? null;
  const container = parseContainer({
    dockerenv: exists(machine, '/.dockerenv'),
    containerenv: exists(machine, '/run/.containerenv'),
    variable: machine.environment['container'],
    kubernetes: machine.environment['KUBERNETES_SERVICE_HOST'] !== undefined,
    cgroup: readText(machine, '/proc/self/cgroup') ?? '',
  });
  // A kernel that the user built has another name: WSL's folders and its init give it away.
  const ownKernel =
    kernel.wsl === undefined &&
    (exists(machine, '/proc/sys/fs/binfmt_misc/WSLInterop') ||
      exists(machine, '/run/WSL') ||
      machine.environment['WSL_DISTRO_NAME'] !== undefined);
  const wsl = kernel.wsl ?? (ownKernel ? 2 : undefined);
  return {
    kind: wsl === 1 ? 'wsl1' : wsl === 2 ? 'wsl2' : 'linux',
    kernel,
    distribution,
    wslDistribution: machine.environment['WSL_DISTRO_NAME'] ?? null,
    container,
    cpu: parseCpuInfo(readText(machine, '/proc/cpuinfo') ?? ''),
    memory: parseMemoryInfo(readText(machine, '/proc/meminfo') ?? ''),
  };
}

/** The `.wslconfig` of the Windows user: there may be several users under `/mnt/c/Users`. */
export function detectWindowsConfigs(machine: Machine): { path: string; text: string }[] {
  const users = machine.environment['USERPROFILE'];
  const folders = listFolder(machine, '/mnt/c/Users').map((name) => `/mnt/c/Users/${name}`);
  const mine = users
    ? `/mnt/${users.charAt(0).toLowerCase()}${users.slice(2).replaceAll('\\', '/')}`
    : undefined;
  const found: { path: string; text: string }[] = [];
  for (const folder of mine === undefined ? folders : [mine]) {
    const path = `${folder}/.wslconfig`;
    const text = readText(machine, path);
    if (text !== undefined) found.push({ path, text });
  }
  return found;
}
