// @ts-check
// node scripts/check-words.mjs [--list [PATH…]] [--shrink] [--root FOLDER]
//
// Looks for the constructions that our prose avoids (words/constructions.mjs) in Markdown, notebooks, comments, messages and
// test titles. words-allowed.json counts what is left per file and construction: the check fails (1) when a count rises above it,
// and when it is higher than the count. --list shows every place under the paths, or everywhere; --shrink lowers the allow list.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONSTRUCTIONS } from './words/constructions.mjs';
import { findingsIn } from './words/prose.mjs';

/**
 * @typedef {Record<string, Record<string, number>>} Counts file -> construction -> count
 * @typedef {Map<string, import('./words/prose.mjs').Finding[]>} Findings by file
 */

/** Files with prose. */
const FILES = /\.(md|ts|mts|mjs|cjs|py|ipynb)$/;

/** Folders without our prose, at any depth, and paths from the root. */
const SKIPPED = new Set(['node_modules', 'dist', 'release', 'test-output', '__pycache__']);
const SKIPPED_PATHS = new Set(['test/fixtures', 'scripts/words/constructions.mjs', 'shared']);

/**
 * Files with prose, as paths from the root with `/`, in order.
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function files(root, folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith('.') || SKIPPED.has(entry.name) || SKIPPED_PATHS.has(path)) return [];
      // A build writes to `dist.<pid>.new` and renames it meanwhile.
      if (folder === '' && entry.name.startsWith('dist.')) return [];
      if (entry.isDirectory()) return files(root, path);
      return entry.isFile() && FILES.test(entry.name) ? [path] : [];
    });
}

/** @param {Findings} findings @returns {Counts} */
function count(findings) {
  /** @type {Counts} */
  const counts = {};
  for (const [file, list] of findings) {
    for (const { construction } of list) {
      const entry = (counts[file] ??= {});
      entry[construction] = (entry[construction] ?? 0) + 1;
    }
  }
  return counts;
}

const at = (/** @type {Counts} */ counts, /** @type {string} */ file, /** @type {string} */ name) =>
  counts[file]?.[name] ?? 0;

/** Every file and construction of two lists. @param {Counts} a @param {Counts} b */
function pairs(a, b) {
  const all = new Set(
    [a, b].flatMap((counts) =>
      Object.entries(counts).flatMap(([file, entry]) => Object.keys(entry).map((name) => `${file}\0${name}`)),
    ),
  );
  return [...all].toSorted().map((pair) => /** @type {[string, string]} */ (pair.split('\0')));
}

/**
 * The allow list lowered to the counts. The counts of a deleted file go to the files whose counts are higher, since
 * files move; so the sum of a construction never rises.
 * @param {Counts} counts
 * @param {Counts} allowed
 * @param {(file: string) => boolean} exists
 * @returns {Counts}
 */
function shrink(counts, allowed, exists) {
  /** @type {Map<string, number>} */
  const moved = new Map();
  for (const [file, entry] of Object.entries(allowed)) {
    if (exists(file)) continue;
    for (const [name, n] of Object.entries(entry)) moved.set(name, (moved.get(name) ?? 0) + n);
  }
  /** @type {Counts} */
  const result = {};
  for (const [file, name] of pairs(counts, allowed)) {
    const now = at(counts, file, name);
    const kept = Math.min(now, exists(file) ? at(allowed, file, name) : 0);
    const taken = Math.min(now - kept, moved.get(name) ?? 0);
    moved.set(name, (moved.get(name) ?? 0) - taken);
    if (kept + taken > 0) (result[file] ??= {})[name] = kept + taken;
  }
  return result;
}

/** Reports what differs from the allow list; the number of differences. @param {Findings} findings @param {Counts} allowed */
function compare(findings, allowed) {
  const counts = count(findings);
  let risen = 0;
  let fallen = 0;
  for (const [file, name] of pairs(counts, allowed)) {
    const now = at(counts, file, name);
    const limit = at(allowed, file, name);
    if (now < limit) fallen += limit - now;
    if (now <= limit) continue;
    risen += now - limit;
    const { instead } = /** @type {import('./words/constructions.mjs').Construction} */ (
      CONSTRUCTIONS.find((one) => one.name === name)
    );
    console.error(`${file}: ${name} ${now}, allowed ${limit}; write ${instead}`);
    for (const { construction, line, text } of findings.get(file) ?? []) {
      if (construction === name) console.error(`  ${file}:${line}  ${text}`);
    }
  }
  if (risen > 0)
    console.error(
      `${risen} more than scripts/words-allowed.json allows: rewrite them (CONTRIBUTING.md, "Words")`,
    );
  if (fallen > 0) {
    console.error(
      `scripts/words-allowed.json allows ${fallen} more than there are: run npm run words -- --shrink and commit it`,
    );
  }
  return risen + fallen;
}

const { values: options, positionals } = parseArgs({
  options: { list: { type: 'boolean' }, shrink: { type: 'boolean' }, root: { type: 'string' } },
  allowPositionals: true,
});
const root = options.root ?? dirname(dirname(fileURLToPath(import.meta.url)));
/** @type {Findings} */
const findings = new Map();
for (const file of files(root)) {
  const found = findingsIn(file, readFileSync(join(root, file), 'utf8'));
  if (found.length > 0) findings.set(file, found);
}
const list = join(root, 'scripts', 'words-allowed.json');
const first = !existsSync(list);

if (options.list) {
  for (const [file, found] of findings) {
    if (positionals.length > 0 && !positionals.some((path) => file.startsWith(path))) continue;
    for (const { construction, line, text } of found)
      console.log(`${file}:${line}  ${construction}  ${text}`);
  }
} else {
  /** @type {Counts} */
  let allowed = first ? {} : JSON.parse(readFileSync(list, 'utf8'));
  if (options.shrink) {
    allowed = first
      ? count(findings)
      : shrink(count(findings), allowed, (file) => existsSync(join(root, file)));
    writeFileSync(list, `${JSON.stringify(allowed, null, 2)}\n`);
  }
  if (compare(findings, allowed) > 0) process.exitCode = 1;
  else
    console.log(
      `${[...findings.values()].flat().length} constructions left in ${findings.size} files, none new`,
    );
}
