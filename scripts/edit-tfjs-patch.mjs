// @ts-check
// Edits a patch of tfjs (scripts/tfjs-patches):
//   node scripts/edit-tfjs-patch.mjs open tfjs-layers/masks [dist/models.js …]   writes the files to .cache/tfjs-patch/b
//   node scripts/edit-tfjs-patch.mjs save                                         writes the patch from them
// A patch that does not exist is added to the end of the series. After `save` the later patches have their new line numbers.
import { applyPatch, createTwoFilesPatch } from 'diff';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTfjsPatch, patchNames, splitReason, withoutSourceMap } from './tfjs-patches.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'scripts', 'tfjs-patches');
const work = join(root, '.cache', 'tfjs-patch');

/**
 * Applies a patch to texts by file. Its context may be at another line than the patch names, but has to be equal.
 *
 * @param {Map<string, string>} texts is changed
 * @param {string} name such as `tfjs-layers/masks.patch`
 */
function apply(texts, name) {
  for (const { file, diff } of parseTfjsPatch(name, readFileSync(join(folder, name), 'utf8'))) {
    const result = applyPatch(textOf(texts, file), diff, { fuzzFactor: 0, autoConvertLineEndings: false });
    if (result === false) {
      throw new Error(
        `${name} no longer applies to ${file}: run "node scripts/edit-tfjs-patch.mjs open ${name.replace('.patch', '')}"`,
      );
    }
    texts.set(file, result);
  }
}

/**
 * @param {Map<string, string>} texts
 * @param {string} file such as `tfjs-core/dist/engine.js`
 */
function textOf(texts, file) {
  return (
    texts.get(file) ?? withoutSourceMap(readFileSync(join(root, 'node_modules', '@tensorflow', file), 'utf8'))
  );
}

/**
 * Writes a patch: its reason, then a diff for each file that differs.
 *
 * @param {string} name such as `tfjs-layers/masks.patch`
 * @param {string} reason
 * @param {Iterable<readonly [file: string, before: string, after: string]>} files
 */
function write(name, reason, files) {
  const diffs = [];
  for (const [file, before, after] of files) {
    if (before === after) continue;
    const path = file.slice(file.indexOf('/') + 1);
    const diff = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, undefined, undefined, {
      context: 3,
    });
    diffs.push(diff.replace(/^=+\n/, ''));
  }
  if (diffs.length === 0) throw new Error(`${name}: no file differs`);
  writeFileSync(join(folder, name), `${reason}\n\n${diffs.join('')}`);
}

/**
 * Writes the files of a patch to `a` as they are before it, and to `b` as they are after it.
 *
 * @param {string} name such as `tfjs-layers/masks.patch`
 * @param {readonly string[]} others further files, such as `dist/models.js`
 */
function open(name, others) {
  const tfjsPackage = dirname(name);
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const earlier of patchNames(folder, tfjsPackage)) {
    if (earlier === name) break;
    apply(texts, earlier);
  }
  const exists = existsSync(join(folder, name));
  const patch = exists ? parseTfjsPatch(name, readFileSync(join(folder, name), 'utf8')) : [];
  rmSync(work, { recursive: true, force: true });
  const put = (/** @type {string} */ side, /** @type {string} */ file, /** @type {string} */ text) => {
    mkdirSync(dirname(join(work, side, file)), { recursive: true });
    writeFileSync(join(work, side, file), text);
  };
  for (const file of new Set([
    ...patch.map((one) => one.file),
    ...others.map((one) => `${tfjsPackage}/${one}`),
  ])) {
    const before = textOf(texts, file);
    const diff = patch.find((one) => one.file === file)?.diff;
    const after =
      diff === undefined
        ? before
        : applyPatch(before, diff, { fuzzFactor: 0, autoConvertLineEndings: false });
    if (after === false) console.log(`${name} does not apply to ${file}: make its changes again in b`);
    put('a', file, before);
    put('b', file, after === false ? before : after);
  }
  const reason = exists ? splitReason(readFileSync(join(folder, name), 'utf8')).reason : '';
  writeFileSync(join(work, 'reason.txt'), `${reason}\n`);
  writeFileSync(join(work, 'patch'), name);
  console.log(
    `edit ${relative('', join(work, 'b'))} and ${relative('', join(work, 'reason.txt'))}, then save`,
  );
}

/** Writes the opened patch from `b`, then the later patches of its package with their new line numbers. */
function save() {
  if (!existsSync(join(work, 'patch'))) throw new Error('open a patch first');
  const name = readFileSync(join(work, 'patch'), 'utf8');
  const tfjsPackage = dirname(name);
  const reason = readFileSync(join(work, 'reason.txt'), 'utf8').trim();
  if (reason === '') throw new Error(`write the reason of ${name} into ${join(work, 'reason.txt')}`);
  const files = readdirSync(join(work, 'a'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  );
  const read = (/** @type {string} */ side, /** @type {string} */ file) =>
    readFileSync(join(work, side, file), 'utf8');
  const isNew = !existsSync(join(folder, name));
  write(
    name,
    reason,
    files.sort().map((file) => /** @type {const} */ ([file, read('a', file), read('b', file)])),
  );
  const series = join(folder, tfjsPackage, 'series');
  if (isNew) writeFileSync(series, `${readFileSync(series, 'utf8')}${name.slice(tfjsPackage.length + 1)}\n`);
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const one of patchNames(folder, tfjsPackage)) {
    const before = new Map(texts);
    apply(texts, one);
    const text = readFileSync(join(folder, one), 'utf8');
    const changed = parseTfjsPatch(one, text).map(({ file }) => file);
    write(
      one,
      splitReason(text).reason,
      changed.map((file) => /** @type {const} */ ([file, textOf(before, file), textOf(texts, file)])),
    );
  }
  rmSync(work, { recursive: true, force: true });
  console.log(`wrote ${name}`);
}

const [command, name, ...others] = process.argv.slice(2);
try {
  if (command === 'open' && name !== undefined && /^tfjs-[a-z-]+\/[a-z0-9-]+$/.test(name))
    open(`${name}.patch`, others);
  else if (command === 'save') save();
  else throw new Error('usage: node scripts/edit-tfjs-patch.mjs open PACKAGE/SUBJECT [FILE …] | save');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
