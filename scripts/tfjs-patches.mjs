// @ts-check
// Patches of tfjs's files, applied while they are bundled. scripts/tfjs-patches/<package>/<subject>.patch are unified
// diffs, each with its reason above the first `---`; the file `series` names them in the order in which they apply.
// The build fails when a patch no longer applies, or is not used.
import { applyPatch, parsePatch } from 'diff';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * @typedef {object} FilePatch the changes of one patch to one file
 * @property {string} patch such as `tfjs-layers/masks.patch`
 * @property {string} file such as `tfjs-layers/dist/engine/executor.js`
 * @property {import('diff').StructuredPatch} diff
 */

/** Imports of src/tfjs/<file> in a patch: `import { maskArgument } from "tensorcell:tfjs/masks.mjs"`. */
const OWN_FILES = 'tensorcell:tfjs';

/** The next step for a patch that does not apply, for the end of a message. */
const NEXT = 'change the patch as CONTRIBUTING.md describes ("Patches of tfjs")';

/**
 * Removes the source map at the end of a file, which a patch makes wrong, and which would be context of some patches.
 *
 * @param {string} text
 */
export function withoutSourceMap(text) {
  return text.replace(/^\/\/# sourceMappingURL=.*\n?/m, '');
}

/**
 * Parses one patch.
 *
 * @param {string} patch its name, such as `tfjs-layers/masks.patch`
 * @param {string} text
 * @returns {FilePatch[]}
 * @throws Error where the text has no reason, is no unified diff, or does more than change files
 */
export function parseTfjsPatch(patch, text) {
  const [tfjsPackage] = patch.split('/');
  const { reason, changes } = splitReason(text);
  if (reason === '') throw new Error(`${patch}: write the reason of the patch above its first ---`);
  if (changes === '') throw new Error(`${patch} changes no file`);
  let diffs;
  try {
    diffs = parsePatch(changes);
  } catch (error) {
    throw new Error(`${patch} is not a unified diff: ${String(error)}`, { cause: error });
  }
  return diffs.map((diff) => {
    const from = /^a\/(.+)$/.exec(diff.oldFileName ?? '')?.[1];
    const to = /^b\/(.+)$/.exec(diff.newFileName ?? '')?.[1];
    if (from === undefined || from !== to) {
      throw new Error(
        `${patch}: --- ${diff.oldFileName} and +++ ${diff.newFileName} have to be a/FILE and b/FILE of one file`,
      );
    }
    if (diff.hunks.length === 0) throw new Error(`${patch} has no changes for ${from}`);
    return { patch, file: `${tfjsPackage}/${from}`, diff };
  });
}

/**
 * The reason of a patch, and its diffs.
 *
 * @param {string} text
 */
export function splitReason(text) {
  const start = /^--- /m.exec(text)?.index ?? text.length;
  return { reason: text.slice(0, start).trim(), changes: text.slice(start) };
}

/**
 * The names of a package's patches, in the order of `series`.
 *
 * @param {string} folder with a folder for each package
 * @param {string} tfjsPackage such as `tfjs-core`
 * @returns {string[]} such as `tfjs-core/range.patch`
 * @throws Error where `series` and the folder differ
 */
export function patchNames(folder, tfjsPackage) {
  const series = readFileSync(join(folder, tfjsPackage, 'series'), 'utf8')
    .split('\n')
    .filter(Boolean);
  const present = readdirSync(join(folder, tfjsPackage)).filter((name) => name !== 'series');
  for (const name of present) {
    if (!series.includes(name))
      throw new Error(`${tfjsPackage}/${name} is not in ${tfjsPackage}/series: add it`);
  }
  for (const [at, name] of series.entries()) {
    if (!present.includes(name)) throw new Error(`${tfjsPackage}/series names ${name}, which does not exist`);
    if (series.indexOf(name) !== at) throw new Error(`${tfjsPackage}/series names ${name} twice`);
  }
  return series.map((name) => `${tfjsPackage}/${name}`);
}

/**
 * All patches of a folder, in the order in which they apply.
 *
 * @param {string} folder
 * @returns {FilePatch[]}
 */
export function readPatches(folder) {
  return readdirSync(folder)
    .sort()
    .flatMap((tfjsPackage) => patchNames(folder, tfjsPackage))
    .flatMap((name) => parseTfjsPatch(name, readFileSync(join(folder, name), 'utf8')));
}

/**
 * Applies one patch to one file. Lines and context have to be exactly as in the patch.
 *
 * @param {FilePatch} filePatch
 * @param {string} text
 * @throws Error that names the patch, the file and the line
 */
export function applied({ patch, file, diff }, text) {
  const lines = text.split('\n');
  for (const { oldStart, lines: hunk } of diff.hunks) {
    const expected = hunk.filter((line) => /^[ -]/.test(line)).map((line) => line.slice(1));
    for (const [at, line] of expected.entries()) {
      const number = oldStart + at;
      const found = lines[number - 1];
      if (found === line) continue;
      throw new Error(
        `${patch} does not apply to ${file}: line ${number} is ${JSON.stringify(found)}, ` +
          `and the patch expects ${JSON.stringify(line)}: ${NEXT}`,
      );
    }
  }
  const result = applyPatch(text, diff, { fuzzFactor: 0, autoConvertLineEndings: false });
  if (result === false) throw new Error(`${patch} does not apply to ${file}: ${NEXT}`);
  return result;
}

/** @param {string} file such as `tfjs-core/dist/engine.js` */
function packageOf(file) {
  return file.slice(0, file.indexOf('/'));
}

/** The patches of one bundle, and which of them it used. */
export class TfjsPatches {
  /** @type {readonly FilePatch[]} */
  #patches;
  /** @type {Set<FilePatch>} */
  #unused;
  /** @type {Set<string>} */
  #packages = new Set();

  /** @param {readonly FilePatch[]} patches in the order in which they apply */
  constructor(patches) {
    this.#patches = patches;
    this.#unused = new Set(patches);
  }

  /**
   * Applies the patches of a file; undefined where it has none.
   *
   * @param {string} file such as `tfjs-core/dist/engine.js`
   * @param {() => string} read gives the file's text
   * @throws Error where a patch does not apply
   */
  apply(file, read) {
    this.#packages.add(packageOf(file));
    const patches = this.#patches.filter((one) => one.file === file);
    if (patches.length === 0) return undefined;
    for (const one of patches) this.#unused.delete(one);
    return patches.reduce((text, one) => applied(one, text), withoutSourceMap(read()));
  }

  /**
   * To be called at the end. A bundle may leave out whole packages.
   *
   * @throws Error where a file that a patch changes is not in the bundle
   */
  checkUsed() {
    const left = [...this.#unused].filter(({ file }) => this.#packages.has(packageOf(file)));
    if (left.length === 0) return;
    const names = left.map(({ patch, file }) => `${patch} changes ${file}`).join('\n');
    throw new Error(`patches of files that are not in the bundle (${NEXT}):\n${names}`);
  }
}

/**
 * esbuild's plugin that applies the patches.
 *
 * @param {object} options
 * @param {string} options.folder of the patches
 * @param {string} options.ownFiles folder of the files that patches import as `tensorcell:tfjs/…`
 * @param {(file: string, text: string) => string} options.rule is applied to each file after its patches
 * @returns {import('esbuild').Plugin}
 */
export function tfjsPatchesPlugin({ folder, ownFiles, rule }) {
  return {
    name: 'tfjs-patches',
    setup(builder) {
      const patches = new TfjsPatches(readPatches(folder));
      // Not in onResolve: files from there are outside tsconfig.json, and esbuild would not make them strict.
      builder.initialOptions.alias = { ...builder.initialOptions.alias, [OWN_FILES]: ownFiles };
      builder.onLoad({ filter: /@tensorflow[\\/]tfjs-[a-z-]+[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
        const file = /** @type {RegExpExecArray} */ (
          /tfjs-[a-z-]+\/dist\/.*$/.exec(path.replaceAll('\\', '/'))
        )[0];
        const text = await readFile(path, 'utf8');
        const contents = rule(file, patches.apply(file, () => text) ?? text);
        return contents === text ? undefined : { contents };
      });
      builder.onEnd(({ errors }) => {
        if (errors.length === 0) patches.checkUsed();
      });
    },
  };
}
