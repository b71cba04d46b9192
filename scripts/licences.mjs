// Third-party work inside dist/, read from esbuild's own account of what it bundled.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ name: string, version: string, licence: string, text: string }} Described */
/** @typedef {string | { type?: string }} Licence as package.json has it, or had it */

/**
 * The package that a path lies in: `node_modules/@tensorflow/tfjs-core` for a file below it; undefined for our own.
 *
 * @param {string} path
 */
export function packageFolder(path) {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/**
 * A package's licence as an SPDX expression; old packages name it in other ways, or only in a file.
 *
 * @param {{ license?: Licence, licenses?: Licence | Licence[] }} pkg
 * @param {string} text of its licence files
 */
export function licenceOf(pkg, text = '') {
  const named = pkg.license ?? pkg.licenses;
  const one = (/** @type {Licence | undefined} */ value) => (typeof value === 'string' ? value : value?.type);
  const expression = Array.isArray(named) ? named.map(one).join(' OR ') : one(named);
  if (expression && !/^see licen[cs]e/i.test(expression)) return expression;
  if (/Redistribution and use in source and binary forms/.test(text)) return 'BSD-3-Clause';
  if (/Permission is hereby granted, free of charge/.test(text)) return 'MIT';
  return 'NOASSERTION';
}

/**
 * Describes the package in a folder.
 *
 * @param {string} folder
 * @returns {Described}
 */
export function describePackage(folder) {
  const pkg = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice)/i.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    .join('\n\n');
  return { name: pkg.name, version: pkg.version, licence: licenceOf(pkg, text), text };
}

/**
 * Writes `third-party.json` (name, version, licence) and `third-party-licences.txt` (with their texts) for the packages
 * that `paths` (relative to `root`) come from.
 *
 * @param {string} root
 * @param {string} folder
 * @param {readonly string[]} paths
 */
export function writeLicences(root, folder, paths) {
  const folders = new Set(paths.map(packageFolder).filter((found) => found !== undefined));
  /** @type {Map<string, Described>} */
  const found = new Map();
  for (const path of folders) {
    if (!existsSync(join(root, path, 'package.json'))) continue;
    const described = describePackage(join(root, path));
    found.set(`${described.name}@${described.version}`, described);
  }
  const all = [...found.values()].sort((a, b) => a.name.localeCompare(b.name, 'en'));
  writeFileSync(
    join(folder, 'third-party.json'),
    `${JSON.stringify(
      all.map(({ name, version, licence }) => ({ name, version, licence })),
      undefined,
      2,
    )}\n`,
  );
  const rule = '-'.repeat(80);
  const texts = all.map(
    ({ name, version, licence, text }) =>
      `${rule}\n${name} ${version}: ${licence}\n${rule}\n${text || 'The package holds no licence text.'}\n`,
  );
  writeFileSync(
    join(folder, 'third-party-licences.txt'),
    `Other people's work inside Tensorcell's own files, each under its own licence.\n\n${texts.join('\n')}`,
  );
  return all;
}
