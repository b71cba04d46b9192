/** Packages that the kernel was installed with: TypeScript, and what cells may import. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageFolder } from './project.ts';

/** The native compiler of the `typescript` package that the kernel was installed with. */
export function findTsc(): string {
  const name = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  return join(dirname(createRequire(typescript).resolve(name)), 'lib', 'tsc');
}

/** Packages that a cell may import although the user has not installed them. */
export function kernelPackages(globalTypes: string): Record<string, string> {
  const packages: Record<string, string> = {};
  const tfjs = ['tfjs', 'tfjs-core', 'tfjs-layers', 'tfjs-data', 'tfjs-converter'];
  // The runtime process resolves from the kernel's own packages when the notebook has none.
  for (const name of [...tfjs.map((part) => `@tensorflow/${part}`), ...kernelDependencies(globalTypes)]) {
    const folder = packageFolder(globalTypes, name);
    if (folder) packages[name] = folder;
  }
  const api = dirname(globalTypes);
  for (const [name, path] of [
    ['tensorcell', 'index'],
    ['tslab', '../display/tslab'],
  ] as const) {
    const file = ['.d.ts', '.ts'].map((ending) => join(api, path + ending)).find(existsSync);
    if (file) packages[name] = file;
  }
  return packages;
}

/** Names of the packages that the kernel was installed with. */
function kernelDependencies(globalTypes: string): string[] {
  for (let folder = dirname(globalTypes); dirname(folder) !== folder; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    return Object.keys(dependencies ?? {});
  }
  return [];
}
