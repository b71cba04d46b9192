// node scripts/check-unused.mjs [--root FOLDER]
//
// Fails (1) where a file, an exported value or a dependency is used nowhere, or a package is imported that package.json does not
// list. Entry points are tests, files whose first line has the command that runs them, and files whose path is text in another
// file: in the build, in package.json, where a test starts a program. A type may be exported for signatures in the same file.
import { parseSync } from 'oxc-parser';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} Source
 * @property {string} text without comments
 * @property {Map<string, { line: number, isType: boolean, from?: string, name?: string }>} exports by name; `from` and `name` where
 *   another file has it
 * @property {string[]} imports specifiers of its import statements
 * @property {string[]} all files that `export *` names
 * @property {Set<string>} used names that other files import; `*` stands for all
 * @property {boolean} reached whether another file uses it
 * @property {boolean} isProgram whether its first line has the command that runs it
 */

const FOLDERS = ['cli', 'kernel', 'runtime', 'src', 'scripts', 'test'];

/** Files that tools find by their names. */
const FOUND = /\.test\.ts$|^test\/bench\/[^/]+\/main\.ts$|\.d\.ts$/;

const TFJS = '@tensorflow/tfjs';

/** An import of our files in a patch of tfjs. */
const PATCH_IMPORT = /^\+import \{([^}]*)\} from "tensorcell:tfjs\/([^"]+)"/gm;

/** Packages that npm or a compiler loads without an import, by the reason. */
const WITHOUT_IMPORT = new Map([
  ['@swc/jest', 'jest.config.cjs names it as a transform'],
  ['@types/jest', 'types of globals'],
  ['@types/node', 'types of globals'],
  ['jest', 'a program'],
  ['oxfmt', 'a program'],
  ['oxlint', 'a program'],
  ['oxlint-tsgolint', 'oxlint starts it for --type-aware'],
]);

/**
 * Sources below a folder, as paths from the root with `/`.
 *
 * @param {string} root
 * @returns {string[]}
 */
function sourceFiles(root) {
  return FOLDERS.filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((name) => /\.(ts|mjs|cjs)$/.test(name) && !/^test\/fixtures\/|node_modules/.test(name))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * The file of a relative specifier; undefined where it is not a source.
 *
 * @param {Map<string, Source>} sources
 * @param {string} from
 * @param {string} specifier
 */
function target(sources, from, specifier) {
  const path = posix.join(posix.dirname(from), specifier);
  return [path, `${path}.ts`, `${path}.mjs`, `${path}.cjs`].find((each) => sources.has(each));
}

/** @param {import('oxc-parser').ImportName} imported */
function nameOf(imported) {
  /** @type {string} */
  const kind = imported.kind;
  return kind === 'NamespaceObject' ? '*' : (imported.name ?? 'default');
}

/**
 * Reads a file's exports, and its imports as calls of `use` (specifier, name).
 *
 * @param {string} file
 * @param {string} original
 * @param {(specifier: string, name: string) => void} use
 * @returns {Source}
 */
function readSource(file, original, use) {
  const { module, comments } = parseSync(file, original);
  let text = original;
  for (const { start, end } of comments.toReversed()) {
    const comment = original.slice(start, end);
    // Types of JavaScript files.
    for (const [, specifier = '', name = '*'] of comment.matchAll(/import\('([^']+)'\)(?:\.(\w+))?/g))
      use(specifier, name);
    text = text.slice(0, start) + comment.replaceAll(/[^\n]/g, ' ') + text.slice(end);
  }
  const lineOf = (/** @type {number} */ offset) => original.slice(0, offset).split('\n').length;
  const [first = '', second = ''] = original.replace('// @ts-check\n', '').split('\n');
  const isProgram = `${first}\n${second}`.includes(`node ${file}`);
  /** @type {Source} */
  const source = {
    text,
    imports: [],
    exports: new Map(),
    all: [],
    used: new Set(),
    reached: false,
    isProgram,
  };
  for (const { moduleRequest, entries } of module.staticImports) {
    source.imports.push(moduleRequest.value);
    if (entries.length === 0) use(moduleRequest.value, '');
    for (const { importName } of entries) use(moduleRequest.value, nameOf(importName));
  }
  for (const { entries } of module.staticExports) {
    for (const entry of entries) {
      const from = entry.moduleRequest?.value;
      /** @type {string} */
      const kind = entry.exportName.kind;
      if (kind === 'None') {
        if (from !== undefined) source.all.push(from);
        continue;
      }
      source.exports.set(entry.exportName.name ?? 'default', {
        line: lineOf(entry.start),
        isType: entry.isType,
        ...(from !== undefined && { from, name: entry.importName.name ?? '*' }),
      });
    }
  }
  // Imports in types, and imports while running, with the names that are taken out of them.
  const taken = /(?:const|let)\s*\{([^}=]*)\}\s*=\s*(?:await\s+)?(?:import|require)\(\s*'([^']+)'/g;
  for (const [, names = '', specifier = ''] of text.matchAll(taken))
    for (const name of names.split(',')) use(specifier, name.split(':')[0]?.trim() ?? '');
  const others = text.replaceAll(taken, '');
  for (const [, specifier = '', name = '*'] of others.matchAll(
    /(?:import|require|require\.resolve|requireActual)\(\s*'([^']+)',?\s*\)(?:\.(\w+))?/g,
  ))
    use(specifier, name);
  return source;
}

/**
 * Marks the files whose path is text in another file: from the root, from the folder of that file, or the end of one path alone.
 *
 * @param {Map<string, Source>} sources
 * @param {readonly string[]} texts of other files, such as package.json
 */
function markNamed(sources, texts) {
  const files = [...sources.keys()];
  const mark = (/** @type {string} */ path, /** @type {string} */ by) => {
    const ends = files.filter((file) => file.endsWith(`/${path}`));
    const found = [path, posix.join(posix.dirname(by), path), ends.length === 1 ? ends[0] : undefined];
    const source = sources.get(found.find((file) => file !== undefined && sources.has(file)) ?? '');
    if (source === undefined || source === sources.get(by)) return;
    source.used.add('*');
    source.reached = true;
  };
  for (const text of texts)
    for (const [, path = ''] of text.matchAll(/["/ ]((?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|cjs))\b/g))
      mark(path, '');
  for (const [file, { text }] of sources) {
    // Imports are followed with their names.
    const rest = text.replaceAll(/(?:\bfrom|\bimport|\brequire\()\s*\(?\s*'[^']*'/g, '');
    for (const [, path = ''] of rest.matchAll(/['"`]([^'"`\s]*?\.(?:ts|mjs|cjs))['"`]/g)) mark(path, file);
    // Imports that the build writes into tfjs.
    for (const [, path = ''] of text.matchAll(/tensorcell:(tfjs\/[\w.-]+)/g)) mark(`src/${path}`, file);
    for (const [, segments = ''] of rest.matchAll(/join\([\w\s]+,((?:\s*'[\w.-]+',?)+)\s*\)/g))
      mark([...segments.matchAll(/'([^']+)'/g)].map(([, segment = '']) => segment).join('/'), file);
  }
}

/**
 * Follows what is exported again: its origin is used where the name is.
 *
 * @param {Map<string, Source>} sources
 */
function followExports(sources) {
  for (let changed = true; changed;) {
    changed = false;
    for (const [file, source] of sources) {
      const wants = (/** @type {string} */ name) => source.used.has('*') || source.used.has(name);
      /** @param {string} specifier @param {Iterable<string>} names */
      const pass = (specifier, names) => {
        const origin = sources.get(target(sources, file, specifier) ?? '');
        if (origin === undefined) return;
        origin.reached = true;
        const before = origin.used.size;
        for (const name of names) origin.used.add(name);
        if (origin.used.size !== before) changed = true;
      };
      for (const [name, { from, name: original = name }] of source.exports)
        if (from !== undefined) pass(from, wants(name) ? [original] : []);
      for (const from of source.all) pass(from, source.used);
    }
  }
}

/**
 * Finds what is unused under a root: one line each.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function unused(root) {
  /** @type {Map<string, Source>} */
  const sources = new Map();
  /** @type {{ file: string, specifier: string, name: string }[]} */
  const uses = [];
  for (const file of sourceFiles(root)) {
    const use = (/** @type {string} */ specifier, /** @type {string} */ name) =>
      uses.push({ file, specifier, name });
    sources.set(file, readSource(file, readFileSync(join(root, file), 'utf8'), use));
  }
  for (const text of textsUnder(join(root, 'scripts', 'tfjs-patches'), '.patch')) {
    for (const [, names = '', path = ''] of text.matchAll(PATCH_IMPORT))
      for (const name of names.split(','))
        uses.push({
          file: 'src/tfjs/any.patch',
          specifier: `./${path}`,
          name: name.trim().split(' ')[0] ?? '',
        });
  }
  for (const { file, specifier, name } of uses) {
    const source = sources.get(target(sources, file, specifier) ?? '');
    if (source === undefined) continue;
    source.reached = true;
    if (name !== '') source.used.add(name);
  }
  const read = (/** @type {string} */ file) =>
    existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
  markNamed(sources, [read('package.json'), read('tsconfig.types.json')]);
  for (const [file, source] of sources) {
    if (!FOUND.test(file) && !source.isProgram) continue;
    source.reached = true;
    source.used.add('*');
  }
  followExports(sources);
  /** @type {string[]} */
  const lines = [];
  for (const [file, source] of sources) {
    if (!source.reached) lines.push(`${file}: no file uses it`);
    else if (!source.used.has('*')) lines.push(...unusedExports(file, source));
  }
  return [...lines, ...wrongPackages(root, sources)];
}

/**
 * @param {string} file
 * @param {Source} source
 * @returns {string[]}
 */
function unusedExports(file, source) {
  return [...source.exports]
    .filter(([name, { isType, from }]) => {
      if (source.used.has(name)) return false;
      return (
        !isType ||
        from !== undefined ||
        [...source.text.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length < 2
      );
    })
    .map(([name, { line }]) => `${file}:${line}: no other file imports ${name}`);
}

/**
 * @param {string} folder
 * @param {string} ending
 */
function textsUnder(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

/**
 * Packages that are listed and not used, or imported and not listed.
 *
 * @param {string} root
 * @param {Map<string, Source>} sources
 * @returns {string[]}
 */
function wrongPackages(root, sources) {
  const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const listed = Object.keys({ ...pkg.dependencies, ...pkg.devDependencies });
  const texts = [...sources.values()].map((source) => source.text);
  const text = [...texts, ...textsUnder(join(root, 'notebooks'), '.ipynb')].join('\n');
  const unusedPackages = listed
    .filter((name) => !WITHOUT_IMPORT.has(name))
    .filter((name) => !new RegExp(`['"\`]${name}(?:/[^'"\`\\\\]*)?\\\\?['"\`]`).test(text))
    .map((name) => `package.json: no file uses ${name}`);
  const unlisted = [...sources].flatMap(([file, { imports }]) =>
    imports
      .filter((specifier) => /^@?[a-z]/.test(specifier) && !specifier.startsWith('node:'))
      .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier)
      // The parts of tfjs come with it: the build makes one instance of each.
      .filter(
        (name) => !listed.includes(name) && !(name.startsWith('@tensorflow/tfjs-') && listed.includes(TFJS)),
      )
      .map((name) => `${file}: package.json does not list ${name}`),
  );
  return [...unusedPackages, ...new Set(unlisted)];
}

if (basename(process.argv[1] ?? '') === basename(fileURLToPath(import.meta.url))) {
  const { values } = parseArgs({ options: { root: { type: 'string' } } });
  const lines = unused(values.root ?? dirname(dirname(fileURLToPath(import.meta.url))));
  for (const line of lines) console.log(line);
  if (lines.length > 0) {
    console.log(
      `${lines.length} unused: remove them, or the word "export" where only their own file uses them`,
    );
    process.exitCode = 1;
  }
}
