// What of other people's work is inside dist/: read from esbuild's own account of what it bundled.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package that a path lies in: `node_modules/@tensorflow/tfjs-core` for a file below it; undefined for our own. */
export function packageFolder(path) {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/** A package's licence as an SPDX expression; old packages name it in other ways, or only in a file. */
export function licenceOf(pkg, text = '') {
  const named = pkg.license ?? pkg.licenses;
  const one = (value) => (typeof value === 'string' ? value : value?.type);
  const expression = Array.isArray(named) ? named.map(one).join(' OR ') : one(named);
  if (expression && !/^see licen[cs]e/i.test(expression)) return expression;
  if (/Redistribution and use in source and binary forms/.test(text)) return 'BSD-3-Clause';
  if (/Permission is hereby granted, free of charge/.test(text)) return 'MIT';
  return 'NOASSERTION';
}

/** `{ name, version, licence, text }` of the package in a folder. */
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
 */
export function writeLicences(root, folder, paths) {
  const folders = new Set(paths.map(packageFolder).filter((found) => found !== undefined));
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
