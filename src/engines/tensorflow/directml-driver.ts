import { existsSync } from 'node:fs';
import { libraryProblem } from './c-api/library.ts';

/** Libraries that DirectML itself loads by plain names; WSL keeps them in a folder that not every loader looks in. */
const LIBRARIES = ['libdxcore.so', 'libd3d12.so'];
const WSL_FOLDER = '/usr/lib/wsl/lib';

/**
 * Why DirectML cannot work on this machine, in words; undefined when Windows shares a card and DirectX's libraries are
 * there. Loads them for good, so that the plugin finds them under their plain names.
 */
export function directmlProblem(device = '/dev/dxg', folder = WSL_FOLDER): string | undefined {
  if (!existsSync(device)) {
    return `there is no ${device}: DirectML works only inside WSL 2, where Windows shares its card`;
  }
  for (const name of LIBRARIES) {
    const problem = libraryProblem(name);
    if (problem === undefined) continue;
    const path = `${folder}/${name}`;
    const second = existsSync(path) ? libraryProblem(path) : problem;
    if (second !== undefined) return `DirectX cannot be loaded: ${second}`;
  }
  return undefined;
}
