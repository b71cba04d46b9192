import type { Inventory } from '../inventory.ts';
import type { InstalledRuntime } from '../runtimes.ts';
import { INSTALL_DIRECTML, type Verdict } from './verdict.ts';

/** Whether TensorFlow can compute on a GPU by DirectML. @param cuda the verdict on CUDA, which is better. */
export function judgeDirectml(
  inventory: Inventory,
  cuda: Verdict,
  runtimes: readonly InstalledRuntime[],
): Verdict {
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
