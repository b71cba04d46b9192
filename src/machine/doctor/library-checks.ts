import { exists, readText } from '../devices/machine.ts';
import { WSL_LIBRARIES } from '../devices/loader.ts';
import type { LoaderReason } from '../devices/loader.ts';
import type { Check } from './check.ts';
import { updateDriver } from './check.ts';
import { findProgram } from './context.ts';
import type { DoctorContext } from './context.ts';
import { broken, note, ok, slow } from './finding.ts';

const BECAUSE: Record<LoaderReason, string> = {
  LD_LIBRARY_PATH: 'LD_LIBRARY_PATH names its folder',
  'ld.so.cache': "the loader's cache names it first",
  'default folder': 'it is in a default folder',
  'folder of WSL': 'only Tensorcell searches there: the loader does not',
};

/** Whether an NVIDIA card seems to be there, whatever its driver says. */
export function expectsNvidia({ inventory }: DoctorContext): boolean {
  const { directx, pci, nvml, smi } = inventory;
  return (
    pci.some(({ vendorId }) => vendorId === 0x10de) ||
    (directx?.ok === true && directx.value.adapters.some(({ vendorId }) => vendorId === 0x10de)) ||
    (nvml?.ok === true && nvml.value.devices.length > 0) ||
    smi?.ok === true
  );
}

/** Packages that are installed, of `/var/lib/dpkg/status`. */
export function parseInstalledPackages(text: string): string[] {
  return text
    .split(/\n\n+/)
    .filter((paragraph) => /^Status: .* installed$/m.test(paragraph))
    .flatMap((paragraph) => /^Package: (\S+)$/m.exec(paragraph)?.[1] ?? []);
}

export const libraryChecks: readonly Check[] = [
  {
    code: 'libcuda',
    look(context) {
      const { inventory } = context;
      const found = inventory.libcuda[0];
      if (found) return ok(`libcuda.so.1 is ${found.path}: ${BECAUSE[found.because]}`);
      if (inventory.system.kind === 'wsl1') return undefined;
      if (!expectsNvidia(context)) {
        // Without a card nothing is missing.
        return note('there is no libcuda.so.1, and no NVIDIA card needs it');
      }
      if (inventory.system.container) return undefined; // container says it
      return broken(
        inventory.system.kind === 'wsl2'
          ? `Windows has an NVIDIA card, but ${WSL_LIBRARIES} has no libcuda.so.1`
          : 'an NVIDIA card is there, but no driver is installed',
        inventory.system.kind === 'wsl2'
          ? updateDriver(context)
          : "install the distribution's NVIDIA driver (Ubuntu: sudo ubuntu-drivers install)",
      );
    },
  },
  {
    code: 'linux-driver',
    look({ inventory, machine }) {
      const found = inventory.libcuda[0];
      if (inventory.system.kind !== 'wsl2' || !found || inventory.system.container) return undefined;
      const packages = parseInstalledPackages(readText(machine, '/var/lib/dpkg/status') ?? '').filter(
        (name) => /^(libnvidia-compute|nvidia-driver|nvidia-utils|libcuda1)/.test(name),
      );
      const outside = !found.realPath.startsWith('/usr/lib/wsl/');
      if (outside && found.because === 'LD_LIBRARY_PATH') return undefined; // library-path says it
      if (!outside && packages.length === 0) return ok("no Linux driver hides WSL's");
      const listed = packages.length > 0 ? ` (installed: ${packages.join(', ')})` : '';
      return outside
        ? broken(
            `${found.path} hides WSL's own libcuda: a Linux driver inside WSL cannot reach the card${listed}`,
            packages.length > 0
              ? `sudo apt-get purge ${packages.join(' ')}`
              : `remove ${found.realPath}, then: sudo ldconfig`,
            'inside WSL install toolkit packages only, never a driver',
          )
        : note(
            `a Linux driver is installed inside WSL${listed}; it is not used now, but should be removed`,
            `sudo apt-get purge ${packages.join(' ')}`,
          );
    },
  },
  {
    code: 'library-path',
    look({ inventory, machine }) {
      const found = inventory.libcuda[0];
      const setting = machine.environment['LD_LIBRARY_PATH'];
      if (setting === undefined || setting === '' || !found) return undefined;
      const hides = found.because === 'LD_LIBRARY_PATH' && inventory.libcuda.length > 1;
      if (!hides || /\/stubs\//.test(found.path)) return ok('LD_LIBRARY_PATH hides no driver library');
      return broken(
        `LD_LIBRARY_PATH makes programs load ${found.path} instead of ${inventory.libcuda[1]?.path}`,
        'unset LD_LIBRARY_PATH   (and remove it from ~/.bashrc)',
      );
    },
  },
  {
    code: 'libcuda-stub',
    look({ inventory, cuda }) {
      const found = inventory.libcuda[0];
      if (!found) return undefined;
      const stub = /\/stubs\//.test(found.path) || (cuda?.ok === true && cuda.value.init === 34);
      if (!stub) return undefined;
      return broken(
        `${found.path} is the CUDA toolkit's stub, made for linking, not a driver`,
        found.because === 'LD_LIBRARY_PATH'
          ? 'remove its folder from LD_LIBRARY_PATH'
          : `remove its folder from /etc/ld.so.conf.d, then: sudo ldconfig`,
      );
    },
  },
  {
    code: 'libcuda-link',
    look({ inventory: { system, libcuda } }) {
      const found = libcuda[0];
      if (system.kind !== 'wsl2' || found?.path !== `${WSL_LIBRARIES}/libcuda.so.1`) return undefined;
      return found.realPath === found.path
        ? ok(`${found.path} is a file, not a link: ldconfig's warning about it is harmless`)
        : undefined;
    },
  },
  {
    code: 'nvidia-smi-path',
    look({ inventory, machine }) {
      if (inventory.system.kind !== 'wsl2') return undefined;
      const inWsl = `${WSL_LIBRARIES}/nvidia-smi`;
      if (!exists(machine, inWsl) || findProgram(machine, 'nvidia-smi') !== undefined) return undefined;
      return note('nvidia-smi is not on the PATH of this session (as under ssh, sudo and systemd)', inWsl);
    },
  },
  {
    code: 'nvidia-smi-crash',
    look(context) {
      const { smi, nvml } = context.inventory;
      if (smi?.ok !== false || smi.reason !== 'crashed') return undefined;
      return nvml?.ok && nvml.value.init === 0
        ? note(
            'nvidia-smi crashes, but NVML answers: Tensorcell does not need nvidia-smi',
            updateDriver(context),
          )
        : broken(
            'nvidia-smi crashes (segmentation fault), and NVML does not answer either',
            updateDriver(context),
          );
    },
  },
  {
    code: 'directx',
    look({ inventory: { system, dxg, directx, libdxcore } }) {
      if (system.kind !== 'wsl2' || dxg === 'absent') return undefined;
      if (libdxcore.length === 0) {
        return slow(`${WSL_LIBRARIES} has no libdxcore.so`, 'wsl --update   (in Windows)', 'wsl --shutdown');
      }
      if (!directx) return undefined;
      if (!directx.ok)
        return broken(`DirectX cannot be queried: ${directx.message}`, 'wsl --shutdown   (in Windows)');
      if (directx.value.result !== 0) {
        const code = `0x${(directx.value.result >>> 0).toString(16)}`;
        return broken(
          `DirectX cannot list adapters (${code})`,
          'wsl --update   (in Windows)',
          'wsl --shutdown',
        );
      }
      const names = directx.value.adapters
        .filter(({ hardware }) => hardware !== false)
        .map(({ name }) => name ?? 'an unnamed device');
      return names.length > 0
        ? ok(`DirectX lists ${names.join(', ')}`)
        : note('DirectX lists no hardware adapter', "install the graphics card's driver on Windows");
    },
  },
];
