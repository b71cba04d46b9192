// Adds to package-lock.json the entries that npm leaves out: optional packages for other platforms that the registry
// did not have when the lock file was written (mirrors often lag there). `npm ci` refuses a lock file without them.
// Run it after npm install: node scripts/complete-lock.mjs (--check only counts).
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** @typedef {{ cpu?: string[], libc?: string[], os?: string[] }} Platform */

/**
 * @typedef {object} LockedPackage an entry of package-lock.json
 * @property {string} version
 * @property {boolean} [dev]
 * @property {boolean} [optional]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * The platform in a package's name: `binding-linux-x64-musl` is for Linux on x64 with musl.
 *
 * @param {string} name
 * @returns {Platform}
 */
export function platformOf(name) {
  const words = name.replace(/^.*\//, '').split('-');
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.includes('gnu')
      ? 'glibc'
      : undefined;
  return {
    ...(cpu && { cpu: [cpu] }),
    ...(os === 'linux' && libc && { libc: [libc] }),
    ...(os && { os: [os] }),
  };
}

/**
 * The optional packages that some package of the lock file names and that have no entry: path -> entry.
 *
 * @param {{ packages: Record<string, LockedPackage> }} lock
 */
export function missingEntries(lock) {
  /** @type {Record<string, LockedPackage & Platform>} */
  const missing = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      // As Node looks for it: in the package's own node_modules, then in those of each folder above.
      const folders = path
        .split('node_modules/')
        .map((_, at, parts) => parts.slice(0, at + 1).join('node_modules/'));
      const places = folders.map(
        (folder) => `${folder === '' ? '' : `${folder.replace(/\/$/, '')}/`}node_modules/${name}`,
      );
      if (places.some((place) => place in lock.packages)) continue;
      const platform = platformOf(name);
      if (!platform.os && !platform.cpu) continue;
      missing[`node_modules/${name}`] = {
        version,
        ...(entry.dev && { dev: true }),
        optional: true,
        ...platform,
      };
    }
  }
  return missing;
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingEntries(lock);
  if (process.argv.includes('--check')) {
    console.log(`${Object.keys(missing).length} entries missing`);
    process.exit(0);
  }
  lock.packages = Object.fromEntries(
    Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
  writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`${Object.keys(missing).length} entries added`);
}
