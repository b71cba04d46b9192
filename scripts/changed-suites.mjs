// @ts-check
// Which suites a change touches, for `npm test -- --changed [REVISION]`.
import { execFileSync } from 'node:child_process';

/** Suites that always run: seconds, and each of them reads every file. */
const ALWAYS = ['types', 'lint', 'format', 'unused', 'words', 'unit'];

const TENSORS = [
  'tensorflow',
  'pjrt',
  'training',
  'keras',
  'pytorch',
  'safetensors',
  'judge',
  'data',
  'conversion',
];
const CELLS = ['kernel', 'kernel-language', 'runtime', 'conformance', 'faults', 'growth'];

/**
 * Suites by the beginning of a path; the longest beginning counts. `all`: every suite.
 * @type {Record<string, readonly string[] | 'all'>}
 */
export const SUITES = {
  '.ci/': [],
  '.github/': [],
  docs: [],
  notebooks: ['notebooks'],
  cli: ['setup', 'machines'],
  'kernel/': CELLS,
  'kernel/contracts/': 'all',
  'kernel/language/': ['language', 'kernel-language', 'service', 'kernel'],
  'kernel/magics/': ['magics', 'kernel', 'machines'],
  'kernel/python/': ['python', 'conversion'],
  'kernel/slips/': ['language', 'kernel-language', 'kernel'],
  'kernel/tsconfig/': ['language', 'kernel-language', 'service'],
  'runtime/': [...CELLS, 'node-22', 'node-24', 'node-26'],
  'src/api/': ['tensorflow', 'training', 'runtime', 'kernel', 'notebooks'],
  'src/base/': 'all',
  'src/compile/': ['tensorflow', 'training', 'keras', 'judge'],
  'src/data/': ['data'],
  'src/display/': ['kernel', 'training', 'runtime', 'lab'],
  'src/engines/': TENSORS,
  'src/engines/pjrt/': ['pjrt'],
  'src/interop/': ['conversion', 'python', 'pytorch', 'safetensors'],
  'src/machine/': ['machines', 'magics', 'setup', 'tensorflow', 'pjrt'],
  'src/tfjs/': TENSORS,
  'src/training/': ['training', 'keras', 'pytorch', 'tensorflow'],
  requirements: ['setup', 'conformance', 'notebooks', 'lab'],
  python: ['notebooks', 'python'],
  scripts: 'all',
  'scripts/release': ['setup'],
  'scripts/words': [],
  'test/bench/': ['tensorflow'],
  'test/fixtures/': 'all',
};

/**
 * The suites that changed files touch; undefined for every suite.
 *
 * @param {readonly string[]} files paths from the root with `/`
 * @param {readonly string[]} known names of all suites
 * @returns {string[] | undefined}
 */
export function suitesOf(files, known) {
  const chosen = new Set(ALWAYS);
  for (const file of files) {
    const [top, folder = ''] = file.split('/');
    if (top === 'test' && known.includes(folder)) {
      chosen.add(folder);
      // Two suites share this folder.
      if (folder === 'faults') chosen.add('growth');
      continue;
    }
    const key = Object.keys(SUITES)
      .filter((beginning) => file.startsWith(beginning))
      .reduce((longest, one) => (one.length > longest.length ? one : longest), '');
    const suites = key === '' ? (file.endsWith('.md') ? [] : 'all') : SUITES[key];
    if (suites === 'all' || suites === undefined) return undefined;
    for (const name of suites) if (known.includes(name)) chosen.add(name);
  }
  return [...chosen];
}

/**
 * Files that differ from a revision, untracked ones included.
 *
 * @param {string} root
 * @param {string} revision
 * @throws Error where this is no checkout, or the revision does not exist
 */
export function changedFiles(root, revision) {
  /** @param {string[]} args */
  const git = (args) =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')
      .filter(Boolean);
  const differing = git(['diff', '--name-only', revision]);
  return [...new Set([...differing, ...git(['ls-files', '--others', '--exclude-standard'])])];
}
