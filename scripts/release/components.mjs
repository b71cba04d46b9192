// What a release is made of: packages that npm installs with it, work of others inside its own files, and what the
// command fetches later (Python packages for JupyterLab, TensorFlow's wheels). Each is one component.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describePackage } from '../licences.mjs';

/** @typedef {{ alg: string, content: string }} Hash as CycloneDX has it */

/**
 * @typedef {object} Component
 * @property {'npm' | 'pypi'} type
 * @property {string} name
 * @property {string} version
 * @property {string} [licence] an SPDX expression; Python packages have it in their own metadata
 * @property {readonly Hash[]} hashes
 * @property {string} how how it comes to the user
 */

/**
 * @typedef {object} LockedPackage an entry of package-lock.json
 * @property {string} version
 * @property {string} [integrity]
 * @property {string} [license]
 * @property {boolean} [dev]
 * @property {string[]} [os]
 * @property {string[]} [libc]
 * @property {Record<string, string>} [optionalDependencies]
 */

/** @typedef {{ packages: Record<string, LockedPackage> }} LockFile */

/**
 * @param {string} type
 * @param {string} name
 * @param {string} version
 */
function purl(type, name, version) {
  return `pkg:${type}/${name.replace('@', '%40')}@${version}`;
}

/**
 * Hashes of a package in a lock file: `sha512-…` in base 64, which CycloneDX wants in hexadecimal.
 *
 * @param {string | undefined} integrity
 * @returns {Hash[]}
 */
function integrityHashes(integrity) {
  return (integrity ?? '')
    .split(' ')
    .filter((each) => /^sha(256|384|512)-/.test(each))
    .map((each) => ({
      alg: `SHA-${each.slice(3, 6)}`,
      content: Buffer.from(each.slice(7), 'base64').toString('hex'),
    }));
}

/**
 * Packages that npm installs next to ours on Linux.
 *
 * @param {string} root
 * @param {LockFile} lock
 * @returns {Component[]}
 */
function installedPackages(root, lock) {
  return Object.entries(lock.packages)
    .filter(([path, { dev, os }]) => path !== '' && !dev && (!os || os.includes('linux')))
    .map(([path, { version, integrity, license, libc }]) => {
      const name = path.replace(/^.*node_modules\//, '');
      let licence = license;
      try {
        licence = describePackage(join(root, path)).licence;
      } catch {
        // Another processor's binaries, which are not on this machine: licensed as the package that names them.
        licence ??= licenceOfOwner(lock, name);
      }
      return {
        type: 'npm',
        name,
        version,
        licence: licence ?? 'NOASSERTION',
        hashes: integrityHashes(integrity),
        how: libc ? `installed by npm where the C library is ${libc.join(' or ')}` : 'installed by npm',
      };
    });
}

/**
 * @param {LockFile} lock
 * @param {string} name
 */
function licenceOfOwner(lock, name) {
  const owner = Object.values(lock.packages).find(
    ({ optionalDependencies, license }) => license && name in (optionalDependencies ?? {}),
  );
  return owner?.license;
}

/**
 * Work of others inside our files: the build wrote down what it bundled.
 *
 * @param {string} root
 * @param {LockFile} lock
 * @returns {Component[]}
 */
function bundledPackages(root, lock) {
  /** @type {{ name: string, version: string, licence: string }[]} */
  const found = JSON.parse(readFileSync(join(root, 'dist', 'third-party.json'), 'utf8'));
  return found.map(({ name, version, licence }) => ({
    type: 'npm',
    name,
    version,
    licence,
    hashes: integrityHashes(lock.packages[`node_modules/${name}`]?.integrity),
    how: 'inside dist/',
  }));
}

/**
 * The locked Python packages of `tensorcell lab`. Their licences are in their own metadata.
 *
 * @param {string} root
 * @returns {Component[]}
 */
function pythonPackages(root) {
  const text = readFileSync(join(root, 'requirements', 'lab.txt'), 'utf8').replaceAll('\\\n', ' ');
  return [...text.matchAll(/^([\w.-]+)==(\S+)(.*)$/gm)].map(([, name = '', version = '', rest = '']) => ({
    type: 'pypi',
    name,
    version,
    hashes: [...rest.matchAll(/sha256:([0-9a-f]{64})/g)].map(([, content = '']) => ({
      alg: 'SHA-256',
      content,
    })),
    how: 'fetched by "tensorcell lab" with pip, by its hash',
  }));
}

/**
 * TensorFlow's wheels, from the catalogue's own text: the release script runs before anything is bundled for it.
 *
 * @param {string} root
 * @returns {Component[]}
 */
function wheels(root) {
  const text = readFileSync(join(root, 'src', 'machine', 'runtimes', 'catalogue.ts'), 'utf8');
  const files = [...text.matchAll(/'([\w.]+-[\w.+]+-[\w.-]+\.whl)',\s*([\d_]+),\s*'([0-9a-f]{64})'/g)];
  if (files.length === 0) throw new Error('no wheels were found in src/machine/runtimes/catalogue.ts');
  const all = files.map(([, file = '', , content = '']) => {
    const [project = '', version = ''] = file.split('-');
    return {
      type: /** @type {const} */ ('pypi'),
      name: project.replaceAll('_', '-'),
      version,
      hashes: [{ alg: 'SHA-256', content }],
      how: 'fetched by "tensorcell runtime install" with pip, by its hash',
    };
  });
  return [...new Map(all.map((each) => [`${each.name}@${each.version}`, each])).values()];
}

/**
 * All components, in a stable order.
 *
 * @param {string} root
 * @returns {Component[]}
 */
export function components(root) {
  /** @type {LockFile} */
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return [
    ...installedPackages(root, lock),
    ...bundledPackages(root, lock),
    ...pythonPackages(root),
    ...wheels(root),
  ];
}

/**
 * A CycloneDX 1.5 bill of materials. https://cyclonedx.org/docs/1.5/json/
 *
 * @param {readonly Component[]} all
 * @param {{ name: string, version: string, description: string, license: string }} pkg our package.json
 * @param {Date} time
 */
export function billOfMaterials(all, pkg, time) {
  const reference = (/** @type {Component} */ { type, name, version, how }) =>
    `${purl(type, name, version)}#${how.split(' ')[0]}`;
  const seen = new Set();
  const unique = all.filter((each) => !seen.has(reference(each)) && seen.add(reference(each)));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: time.toISOString(),
      component: {
        type: 'application',
        'bom-ref': purl('npm', pkg.name, pkg.version),
        name: pkg.name,
        version: pkg.version,
        description: pkg.description,
        licenses: [{ expression: pkg.license }],
        purl: purl('npm', pkg.name, pkg.version),
      },
    },
    components: unique.map((each) => ({
      type: 'library',
      'bom-ref': reference(each),
      name: each.name,
      version: each.version,
      scope: each.how.startsWith('fetched') ? 'optional' : 'required',
      ...(each.licence && each.licence !== 'NOASSERTION' && { licenses: [{ expression: each.licence }] }),
      ...(each.hashes.length > 0 && { hashes: each.hashes }),
      purl: purl(each.type, each.name, each.version),
      properties: [{ name: 'tensorcell:how', value: each.how }],
    })),
  };
}

/** Licences that may be given on with ours without more than their texts. */
const PERMISSIVE =
  /^(0BSD|Apache-2\.0|BSD-[23]-Clause|ISC|MIT|MPL-2\.0|Python-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Unlicense)$/;

/**
 * Components that npm brings or that lie in our files whose licence is unknown or not on the list above.
 *
 * @param {readonly Component[]} all
 */
export function doubtfulLicences(all) {
  return all.filter(
    ({ licence }) =>
      licence !== undefined &&
      !licence
        .replaceAll(/[()]/g, '')
        .split(/ AND | OR /)
        .every((each) => PERMISSIVE.test(each.trim())),
  );
}

/**
 * Licences and who has them, as a Markdown table.
 *
 * @param {readonly Component[]} all
 */
export function licenceTable(all) {
  const rows = all
    .filter(({ licence }) => licence !== undefined)
    .map(({ name, version, licence, how }) => `| ${name} | ${version} | ${licence} | ${how} |`);
  const unique = [...new Set(rows)].sort((a, b) => a.localeCompare(b, 'en'));
  return ['| package | version | licence | how it comes |', '| --- | --- | --- | --- |', ...unique, ''].join(
    '\n',
  );
}
