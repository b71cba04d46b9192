/**
 * The notebook folder's tsconfig.json, with what it extends. The type check, the compiler of cells and the loader of
 * modules all read it here, so that a name that the checker finds is found by the run, too.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parseJsonc } from './jsonc.ts';

export type CompilerOptions = Record<string, unknown>;

export interface UserConfig {
  readonly file: string;
  /** Options of the file and of what it extends. `paths` are absolute and include what `baseUrl` means. */
  readonly options: CompilerOptions;
  readonly paths: Paths;
  /** Why the file could not be read; its options are empty then. */
  readonly problem?: string;
}

/** Patterns of names, and the absolute places that each stands for, in order. */
export interface Paths {
  readonly patterns: Readonly<Record<string, readonly string[]>>;
  /** `*` stands for `baseUrl` alone: every name matches it, and most mean packages. */
  readonly onlyBase: boolean;
}

/** A name, resolved by `paths` and `baseUrl`. */
export interface Mapped {
  pattern: string;
  candidates: string[];
  /** Only `baseUrl` leads there. */
  onlyBase: boolean;
}

interface Known {
  stamp: string;
  files: string[];
  config: UserConfig | undefined;
}

const MAX_DEPTH = 20;
const known = new Map<string, Known>();

/** The same object as long as none of the files has changed; undefined without a tsconfig.json. */
export function readUserConfig(directory: string): UserConfig | undefined {
  const found = known.get(directory);
  if (found && found.stamp === stampOf(found.files)) return found.config;
  const file = join(directory, 'tsconfig.json');
  const files: string[] = [file];
  const config = readConfig(file, directory, files);
  if (known.size > 100) known.clear();
  known.set(directory, { stamp: stampOf(files), files, config });
  return config;
}

/**
 * The pattern that TypeScript takes for a name: the name itself, else the pattern with the longest beginning.
 * https://www.typescriptlang.org/docs/handbook/modules/reference.html#paths
 */
export function mapped(specifier: string, { patterns, onlyBase }: Paths): Mapped | undefined {
  const exact = Object.hasOwn(patterns, specifier) ? patterns[specifier] : undefined;
  if (exact && !specifier.includes('*'))
    return { pattern: specifier, candidates: [...exact], onlyBase: false };
  let best: { pattern: string; targets: readonly string[]; prefix: string; suffix: string } | undefined;
  for (const [pattern, targets] of Object.entries(patterns)) {
    const star = pattern.indexOf('*');
    if (star === -1) continue;
    const prefix = pattern.slice(0, star);
    const suffix = pattern.slice(star + 1);
    const fits =
      specifier.length >= prefix.length + suffix.length &&
      specifier.startsWith(prefix) &&
      specifier.endsWith(suffix);
    if (fits && (!best || prefix.length > best.prefix.length)) best = { pattern, targets, prefix, suffix };
  }
  if (!best) return undefined;
  const { pattern, targets, prefix, suffix } = best;
  const middle = specifier.slice(prefix.length, specifier.length - suffix.length);
  return {
    pattern,
    candidates: targets.map((target) => target.replace('*', () => middle)),
    onlyBase: onlyBase && pattern === '*',
  };
}

function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        // Without an exception: most folders have no such file, and each cell looks for it.
        const found = statSync(file, { throwIfNoEntry: false });
        return found ? `${found.mtimeMs}:${found.size}:${found.ino}` : '';
      } catch {
        return '';
      }
    })
    .join();
}

interface Layer {
  options: CompilerOptions;
  /** Folder that `paths` without a `baseUrl` start from: that of the file that has them. */
  pathsFrom?: string;
}

function readConfig(file: string, directory: string, files: string[]): UserConfig | undefined {
  if (stampOf([file]) === '') return undefined;
  try {
    const { options, pathsFrom } = readLayer(file, directory, files, 0);
    const paths = pathsOf(options, pathsFrom ?? directory, directory);
    const { baseUrl, ...rest } = options;
    void baseUrl;
    if (Object.keys(paths.patterns).length > 0) rest['paths'] = paths.patterns;
    return { file, options: rest, paths };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { file, options: {}, paths: { patterns: {}, onlyBase: false }, problem };
  }
}

/** Options whose value is a folder or a list of folders, relative to the file that has them. */
const FOLDERS = ['baseUrl', 'typeRoots', 'rootDirs'];

function readLayer(file: string, directory: string, files: string[], depth: number): Layer {
  if (depth > MAX_DEPTH) throw new Error(`${file}: extends itself, directly or through other files`);
  const parsed = parseJsonc(readFileSync(file, 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Error(`${file}: is not a JSON object`);
  const { extends: bases, compilerOptions } = parsed as { extends?: unknown; compilerOptions?: unknown };
  const folder = dirname(file);
  const layer: Layer = { options: {} };
  for (const base of [bases].flat()) {
    if (typeof base !== 'string') continue;
    const path = extended(base, folder);
    if (path === undefined) throw new Error(`${file}: cannot find '${base}', which it extends`);
    if (!files.includes(path)) files.push(path);
    const below = readLayer(path, directory, files, depth + 1);
    Object.assign(layer.options, below.options);
    if (below.pathsFrom !== undefined) layer.pathsFrom = below.pathsFrom;
  }
  const own = typeof compilerOptions === 'object' && compilerOptions !== null ? compilerOptions : {};
  const place = (text: string): string => {
    const path = text.replace(/^\$\{configDir\}/iu, () => directory);
    return isAbsolute(path) ? path : resolve(folder, path);
  };
  for (const [name, value] of Object.entries(own)) {
    // No option has this name, and assigning it would set the prototype.
    if (name === '__proto__') continue;
    if (!FOLDERS.includes(name)) layer.options[name] = value;
    else if (typeof value === 'string') layer.options[name] = place(value);
    else if (Array.isArray(value)) layer.options[name] = value.map((entry) => place(String(entry)));
  }
  if ('paths' in own) layer.pathsFrom = folder;
  return layer;
}

/** The file that `extends` names. */
function extended(base: string, from: string): string | undefined {
  const candidates: string[] = [];
  if (/^\.{0,2}\//u.test(base) || isAbsolute(base) || base === '.' || base === '..') {
    const path = resolve(from, base);
    candidates.push(path, `${path}.json`);
  } else
    for (let at = from; ; at = dirname(at)) {
      const path = join(at, 'node_modules', base);
      candidates.push(path, `${path}.json`, join(path, 'tsconfig.json'));
      if (dirname(at) === at) break;
    }
  return candidates.find((candidate) => {
    try {
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}

function pathsOf({ paths, baseUrl }: CompilerOptions, pathsFrom: string, directory: string): Paths {
  const base = typeof baseUrl === 'string' ? baseUrl : undefined;
  const patterns: Record<string, string[]> = {};
  for (const [pattern, targets] of Object.entries((paths as Record<string, unknown> | undefined) ?? {})) {
    if (!Array.isArray(targets)) continue;
    patterns[pattern] = targets
      .filter((target): target is string => typeof target === 'string')
      .map((target) => {
        const path = target.replace(/^\$\{configDir\}/iu, () => directory);
        return isAbsolute(path) ? path : resolve(base ?? pathsFrom, path);
      });
    // A name that no candidate has is looked for below `baseUrl`.
    if (base !== undefined) patterns[pattern].push(join(base, pattern));
  }
  const onlyBase = base !== undefined && !Object.hasOwn(patterns, '*');
  if (base !== undefined && onlyBase) patterns['*'] = [join(base, '*')];
  return { patterns, onlyBase };
}
