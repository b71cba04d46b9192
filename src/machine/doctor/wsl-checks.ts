import { isOff, parseSizeBytes } from '../devices/ini.ts';
import { exists, readText } from '../devices/machine.ts';
import type { Machine } from '../devices/machine.ts';
import type { SystemFacts } from '../devices/system.ts';
import type { DoctorContext } from './context.ts';
import { WSL_LIBRARIES } from '../devices/loader.ts';
import { formatBytes } from '../../base/text/bytes.ts';
import type { Check } from './check.ts';
import { isWsl } from './check.ts';
import { broken, note, ok, slow } from './finding.ts';

/** NVIDIA's guide for CUDA on WSL asks for kernel 5.10.16.3 or newer. */
const OLDEST_KERNEL: [number, number, number] = [5, 10, 16];

const RESTART = 'wsl --shutdown   (in Windows; ends all distributions)';

function older(version: readonly number[], than: readonly number[]): boolean {
  for (const [index, part] of than.entries()) {
    if ((version[index] ?? 0) !== part) return (version[index] ?? 0) < part;
  }
  return false;
}

type Configs = DoctorContext['windowsConfigs'];

const ownKernel = (configs: Configs): Configs[number] | undefined =>
  configs.find(({ sections }) => sections['wsl2']?.['kernel'] !== undefined);

/** A kernel that is not Microsoft's, without the driver that `/dev/dxg` comes from. */
function lacksDxg(machine: Machine, system: SystemFacts, configs: Configs): boolean {
  const hasDxg = / dxg$/m.test(readText(machine, '/proc/misc') ?? '') || exists(machine, '/dev/dxg');
  return !hasDxg && (ownKernel(configs) !== undefined || system.kernel.wsl === undefined);
}

export const wslChecks: readonly Check[] = [
  {
    code: 'system',
    look({ inventory: { system } }) {
      const name = system.wslDistribution ?? 'DISTRIBUTION';
      if (system.kind === 'wsl1') {
        return slow(
          `WSL 1 (kernel ${system.kernel.release}) does not expose the GPU; WSL 2 does`,
          `wsl --set-version ${name} 2   (in Windows)`,
        );
      }
      const where = system.distribution ?? 'Linux';
      if (system.kind === 'linux')
        return ok(`${where}, kernel ${system.kernel.release || 'unknown'}, not WSL`);
      return ok(`WSL 2, ${where}, kernel ${system.kernel.release}`);
    },
  },
  {
    code: 'wsl-kernel',
    look({ inventory: { system }, machine, windowsConfigs }) {
      if (system.kind !== 'wsl2') return undefined;
      const own = ownKernel(windowsConfigs);
      if (lacksDxg(machine, system, windowsConfigs)) {
        return slow(
          `kernel ${system.kernel.release} is not Microsoft's and has no dxg driver${own ? ` (set in ${own.path})` : ''}: most likely why there is no GPU`,
          `remove the kernel= line from ${own?.path ?? '.wslconfig'}`,
          RESTART,
        );
      }
      if (system.kernel.version && older(system.kernel.version, OLDEST_KERNEL)) {
        return slow(
          `kernel ${system.kernel.release} is too old for CUDA, which needs 5.10.16`,
          'wsl --update   (in Windows)',
          RESTART,
        );
      }
      return ok(`kernel ${system.kernel.release} is new enough`);
    },
  },
  {
    code: 'wsl-conf-gpu',
    look({ inventory: { system }, wslConf }) {
      if (system.kind !== 'wsl2') return undefined;
      if (!isOff(wslConf['gpu']?.['enabled'])) return ok('/etc/wsl.conf does not disable the GPU');
      return slow(
        '/etc/wsl.conf disables the GPU for this distribution ([gpu] enabled=false)',
        'remove that line from /etc/wsl.conf',
        RESTART,
      );
    },
  },
  {
    code: 'wslconfig-gpu',
    look({ inventory: { system }, windowsConfigs }) {
      if (system.kind !== 'wsl2' || windowsConfigs.length === 0) return undefined;
      const off = windowsConfigs.find(({ sections }) => isOff(sections['wsl2']?.['gpusupport']));
      if (!off) return ok(`${windowsConfigs.map(({ path }) => path).join(', ')} does not disable the GPU`);
      return slow(
        `${off.path} disables the GPU for all distributions (gpuSupport=false)`,
        `remove that line from ${off.path}`,
        RESTART,
      );
    },
  },
  {
    code: 'dxg',
    look({ inventory: { system, dxg }, machine, wslConf, windowsConfigs }) {
      if (system.kind !== 'wsl2') return undefined;
      if (dxg === 'usable') return ok('/dev/dxg exists');
      if (dxg === 'forbidden') {
        return slow('/dev/dxg exists, but this user has no permission to use it', 'sudo chmod a+rw /dev/dxg');
      }
      const switchedOff =
        isOff(wslConf['gpu']?.['enabled']) ||
        windowsConfigs.some(({ sections }) => isOff(sections['wsl2']?.['gpusupport']));
      if (lacksDxg(machine, system, windowsConfigs)) {
        return slow('/dev/dxg is missing, because the kernel has no driver for it: see wsl-kernel');
      }
      return switchedOff
        ? slow('/dev/dxg is missing, because of the setting above')
        : slow(
            '/dev/dxg is missing: Windows does not expose a GPU',
            'wsl --update   (in Windows)',
            RESTART,
            "update Windows and the graphics card's driver",
          );
    },
  },
  {
    code: 'wsl-loader-path',
    look({ inventory: { system, libcuda, libdxcore }, wslConf, machine }) {
      if (system.kind !== 'wsl2' || system.container) return undefined;
      const hidden = [libcuda, libdxcore].some((found) => found[0]?.because === 'folder of WSL');
      if (!hidden) {
        return libcuda.length + libdxcore.length > 0 ? ok(`the loader searches ${WSL_LIBRARIES}`) : undefined;
      }
      const asked = isOff(wslConf['gpu']?.['appendlibpath']) || isOff(wslConf['interop']?.['appendlibpath']);
      return broken(
        `the loader does not search ${WSL_LIBRARIES}${asked ? ' (/etc/wsl.conf: [gpu] appendLibPath=false)' : exists(machine, '/etc/ld.so.conf.d/ld.wsl.conf') ? ' (its cache is old)' : ' (/etc/ld.so.conf.d/ld.wsl.conf is missing)'}`,
        ...(asked ? ['remove appendLibPath=false from /etc/wsl.conf, then: wsl --shutdown'] : []),
        `echo ${WSL_LIBRARIES} | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig`,
      );
    },
  },
  {
    code: 'wsl-memory',
    look({ inventory: { system }, windowsConfigs }) {
      const total = system.memory.totalBytes;
      if (system.kind !== 'wsl2' || total === null) return undefined;
      const limited = windowsConfigs.find(({ sections }) => sections['wsl2']?.['memory'] !== undefined);
      const value = limited?.sections['wsl2']?.['memory'];
      const limit = value === undefined ? undefined : parseSizeBytes(value);
      const has = `Linux has ${formatBytes(total)} of memory`;
      const small = total < 7.5 * 1024 ** 3;
      if (limited && small) {
        return slow(
          `${has}: ${limited.path} limits it to ${limit === undefined ? value : formatBytes(limit)}`,
          `set memory= in ${limited.path} to what the machine can spare`,
          RESTART,
        );
      }
      if (small) {
        return note(
          `${has}; WSL takes half of Windows' memory unless .wslconfig sets a limit`,
          'set memory= under [wsl2] in %UserProfile%\\.wslconfig',
          RESTART,
        );
      }
      return ok(has);
    },
  },
  {
    code: 'data-folder',
    look(context) {
      if (!isWsl(context)) return undefined;
      const { directory } = context;
      if (!/^\/mnt\/[a-z](\/|$)/.test(directory)) return ok(`${directory} is in the Linux file system`);
      return slow(
        `${directory} is on a Windows drive: files there are read many times slower`,
        `cp -r '${directory.replaceAll("'", String.raw`'\''`)}' ~/`,
      );
    },
  },
  {
    code: 'dxg-ioctl',
    async look(context) {
      if (context.inventory.system.kind !== 'wsl2') return undefined;
      const log = await context.command('dmesg', []);
      const count = (log?.output.match(/dxgkio_\w+: Ioctl failed/g) ?? []).length;
      return count === 0
        ? undefined
        : note(
            `the kernel's log says "dxgkio_… Ioctl failed" (${count} times): harmless when everything else works`,
          );
    },
  },
];
