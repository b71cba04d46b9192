/**
 * Local files and packages that cells import. The server reads each once and looks no further; here is noticed what
 * was saved, added or installed since, with one `stat` a file, before a cell is checked.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { mapped, type Paths } from '../../tsconfig/index.ts';
import { isHeavyFile } from '../../limits/weight.ts';
import { analyzeCell } from './declarations.ts';
import { packageFolder } from './project.ts';

export interface FileChange {
  path: string;
  type: 1 | 2 | 3;
}

const EXTENSIONS = [
  '',
  '.ts',
  '.tsx',
  '.d.ts',
  '.js',
  '.mjs',
  '.json',
  '/index.ts',
  '/index.d.ts',
  '/index.js',
];
/** TypeScript finds `a.ts` for `./a.js`. */
const INSTEAD: Readonly<Record<string, string>> = {
  '.js': '.ts',
  '.mjs': '.mts',
  '.cjs': '.cts',
  '.jsx': '.tsx',
};

interface Seen {
  /** Modification time and size; undefined when the file was not there. */
  stamp: string | undefined;
}

export class ImportedFiles {
  readonly #files = new Map<string, Seen>();
  /** `folder\0package` -> the version that was seen. */
  readonly #packages = new Map<string, string | undefined>();

  /** The rules of tsconfig.json for names. */
  paths: Paths | undefined;

  /** Follows what a module in `directory` imports, and what that imports in turn. */
  follow(specifiers: readonly string[], directory: string): void {
    for (const specifier of specifiers) {
      const alias = this.paths && mapped(specifier, this.paths);
      if (/^\.{0,2}\//.test(specifier)) this.#followFile(resolve(directory, specifier));
      else if (alias && !alias.onlyBase)
        for (const candidate of alias.candidates) this.#followFile(candidate);
      else if (!/^[a-z]+:/.test(specifier)) {
        const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
        const key = `${directory}\0${name}`;
        if (!this.#packages.has(key)) this.#packages.set(key, version(directory, name));
      }
    }
  }

  #followFile(target: string): void {
    const extension = /\.\w+$/.exec(target)?.[0] ?? '';
    const candidates = EXTENSIONS.map((ending) => target + ending);
    if (extension in INSTEAD) candidates.push(target.slice(0, -extension.length) + INSTEAD[extension]);
    const path = candidates.find((candidate) => stamp(candidate) !== undefined);
    if (path === undefined) {
      for (const candidate of candidates) this.#files.set(candidate, { stamp: undefined });
      return;
    }
    if (this.#files.get(path)?.stamp !== undefined) return;
    this.#files.set(path, { stamp: stamp(path) });
    if (/\.[mc]?[jt]sx?$/.test(path)) this.follow(importsOf(path), dirname(path));
  }

  /** Files that changed on the disk since the last call. */
  changes(): FileChange[] {
    const changes: FileChange[] = [];
    for (const [path, seen] of this.#files) {
      const now = stamp(path);
      if (now === seen.stamp) continue;
      changes.push({ path, type: seen.stamp === undefined ? 1 : now === undefined ? 3 : 2 });
      this.#files.set(path, { stamp: now });
      if (now !== undefined && /\.[mc]?[jt]sx?$/.test(path)) this.follow(importsOf(path), dirname(path));
    }
    for (const [key, seen] of this.#packages) {
      const [directory, name] = key.split('\0') as [string, string];
      const now = version(directory, name);
      if (now === seen) continue;
      this.#packages.set(key, now);
      const folder = packageFolder(directory, name) ?? join(directory, 'node_modules', name);
      changes.push({ path: folder, type: seen === undefined ? 1 : now === undefined ? 3 : 2 });
      changes.push({ path: join(folder, 'package.json'), type: seen === undefined ? 1 : 2 });
    }
    return changes;
  }

  clear(): void {
    this.#files.clear();
    this.#packages.clear();
  }
}

/** A text that changes when the file does; undefined where there is no file. */
function stamp(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() ? `${found.mtimeMs}:${found.size}:${found.ino}` : undefined;
  } catch {
    return undefined;
  }
}

function version(directory: string, name: string): string | undefined {
  const folder = packageFolder(directory, name) ?? packageFolder(directory, typesPackage(name));
  return folder === undefined ? undefined : stamp(join(folder, 'package.json'));
}

/** `@types/lodash` for `lodash`, `@types/scope__name` for `@scope/name`. */
function typesPackage(name: string): string {
  return `@types/${name.replace(/^@([^/]+)\//, '$1__')}`;
}

/** Specifiers that a text seems to import, found without a parser: a false one only costs a look at the disk. */
function specifiersIn(source: string): string[] {
  return [...source.matchAll(/\b(?:from|import|require)\s*\(?\s*(['"])([^'"\n]{1,500})\1/gu)].map(
    ([, , name = '']) => name,
  );
}

function importsOf(path: string): string[] {
  try {
    if (!existsSync(path)) return [];
    const source = readFileSync(path, 'utf8');
    return isHeavyFile(source) ? specifiersIn(source) : analyzeCell(source).imports;
  } catch {
    return [];
  }
}
