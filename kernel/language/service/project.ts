/**
 * Compiler options for cells, without a file in the user's folder: a `tsconfig.json` that exists only as an open
 * document of the language server. The options of the user's `tsconfig.json` in the notebook's folder for paths, JSX,
 * decorators, libraries and strictness are adopted; the options that the check of cells needs are fixed.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CompilerOptions } from '../../tsconfig/index.ts';
import { nodeLibraries } from './node-libraries.ts';

/** Options of the user's tsconfig.json that count for cells. */
const HONOURED = [
  'paths',
  'rootDirs',
  'typeRoots',
  'types',
  'lib',
  'jsx',
  'jsxFactory',
  'jsxFragmentFactory',
  'jsxImportSource',
  'experimentalDecorators',
  'emitDecoratorMetadata',
  'useDefineForClassFields',
  'customConditions',
  'strict',
  'strictNullChecks',
  'strictFunctionTypes',
  'strictBindCallApply',
  'strictPropertyInitialization',
  'noImplicitAny',
  'noImplicitThis',
  'useUnknownInCatchVariables',
  'noUncheckedIndexedAccess',
  'exactOptionalPropertyTypes',
  'noPropertyAccessFromIndexSignature',
  'allowArbitraryExtensions',
];

/** For beginners: `null` is checked; a parameter without a type, and `error.message` in a catch, are fine. */
const DEFAULTS: CompilerOptions = {
  strict: true,
  noImplicitAny: false,
  noImplicitThis: false,
  useUnknownInCatchVariables: false,
  lib: nodeLibraries(),
  jsx: 'preserve',
  types: [],
};

/** A cell is a module of the newest language that is never written to a file. */
const REQUIRED: CompilerOptions = {
  target: 'esnext',
  module: 'preserve',
  moduleResolution: 'bundler',
  moduleDetection: 'force',
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  allowJs: true,
  noEmit: true,
  skipLibCheck: true,
  disableSizeLimit: true,
};

export interface ProjectOptions {
  directory: string;
  /** Root documents and declaration files. */
  files: string[];
  /** Packages of the kernel for who does not have them installed: name -> folder or declaration file. */
  packages: Readonly<Record<string, string>>;
  user: CompilerOptions | undefined;
}

/** The text of the project's tsconfig.json. */
export function projectText({ directory, files, packages, user }: ProjectOptions): string {
  const honoured = Object.fromEntries(Object.entries(user ?? {}).filter(([name]) => HONOURED.includes(name)));
  const own = Object.entries(packages)
    .filter(([name]) => !installed(directory, name))
    .flatMap(([name, path]) => [
      [name, [path]] as const,
      ...(path.endsWith('.ts') ? [] : [[`${name}/*`, [`${path}/*`]] as const]),
    ]);
  const paths = { ...Object.fromEntries(own), ...(honoured['paths'] as object | undefined) };
  return JSON.stringify({
    compilerOptions: { ...DEFAULTS, ...honoured, ...REQUIRED, paths },
    files,
    include: [],
  });
}

/** Whether Node finds the package from this folder. */
function installed(directory: string, name: string): boolean {
  return packageFolder(directory, name) !== undefined;
}

/** The folder of a package as Node finds it from `directory`. */
export function packageFolder(directory: string, name: string): string | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}
