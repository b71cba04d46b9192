// npm run release [-- --nodes 20,22] [--without-audit]: makes release/ with the tarball, its bill of materials, licences
// and checksums, then does with the tarball what a user does, on each version of Node. Ends with 1 when anything is wrong.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeBinary, VERSIONS } from './nodes.mjs';
import { audit } from './release/audit.mjs';
import { cleanInstall } from './release/clean-install.mjs';
import { billOfMaterials, components, doubtfulLicences, licenceTable } from './release/components.mjs';

/** The largest size of the installed package, without TensorFlow builds. */
const LIMIT_BYTES = 120e6;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: { nodes: { type: 'string' }, 'without-audit': { type: 'boolean' } },
});
const versions = values.nodes?.split(',').map(Number) ?? VERSIONS;
/** @type {string[]} */
const wrong = [];
const folder = join(root, 'release');
const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const time = new Date();

/**
 * @param {string} program
 * @param {string[]} args
 */
function must(program, args) {
  const done = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (done.status !== 0)
    throw new Error(`${program} ${args.join(' ')} failed\n${done.stdout}\n${done.stderr}`);
  return done.stdout;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
console.log(`Tensorcell ${pkg.version}: building`);
must(process.execPath, [join(root, 'scripts', 'build.mjs')]);
const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(
  must('npm', ['pack', '--json', '--pack-destination', folder]),
);
console.log(
  `${filename}: ${(size / 1e6).toFixed(1)} MB packed, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked, ${entryCount} files`,
);

const all = components(root);
const bill = billOfMaterials(all, pkg, time);
writeFileSync(join(folder, 'sbom.cdx.json'), `${JSON.stringify(bill, undefined, 2)}\n`);
writeFileSync(join(folder, 'licences.md'), `# Licences\n\n${licenceTable(all)}`);
console.log(`${bill.components.length} components in sbom.cdx.json; their licences are in licences.md`);
for (const { name, version, licence } of doubtfulLicences(all)) {
  wrong.push(`the licence of ${name} ${version} is ${licence}: see whether it may be given on`);
}

if (values['without-audit']) console.log('npm audit: skipped, as requested');
else {
  const result = audit(root);
  if (!result.asked) {
    wrong.push(`npm audit got no answer (${result.why}): ask again on a machine whose registry answers`);
  } else {
    console.log(`npm audit: ${result.findings.length} findings, ${result.unexplained.length} unexplained`);
    for (const { id, name, severity, title } of result.unexplained) {
      wrong.push(
        `${id} in ${name} (${severity}): ${title}: repair it, or explain it in audit-explained.json`,
      );
    }
    for (const id of result.stale) wrong.push(`audit-explained.json explains ${id}, which is gone`);
  }
}

const sums = [filename, 'sbom.cdx.json', 'licences.md'].map(
  (name) =>
    `${createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')}  ${name}\n`,
);
writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
process.stdout.write(sums.join(''));

for (const major of versions) {
  const node = nodeBinary(major);
  if (!node) {
    wrong.push(`Node ${major} could not be fetched`);
    continue;
  }
  console.log(`with Node ${must(node, ['--version']).trim()}`);
  try {
    const seen = cleanInstall(join(folder, filename), node, (line) => console.log(`    ${line}`));
    console.log(`  installed: ${Math.round(seen.installedBytes / 1e6)} MB without runtimes`);
    console.log(`  the first tutorial: ${seen.tutorial.split('\n').at(-1)}`);
    console.log(`  left after uninstall --all: ${seen.left.length === 0 ? 'nothing' : seen.left.join(', ')}`);
    if (seen.version !== pkg.version) wrong.push(`with Node ${major} the version is ${seen.version}`);
    if (seen.installedBytes > LIMIT_BYTES)
      wrong.push(`with Node ${major} it takes ${seen.installedBytes} bytes`);
    if (seen.left.length > 0) wrong.push(`with Node ${major} uninstall --all leaves ${seen.left.join(', ')}`);
  } catch (error) {
    wrong.push(`with Node ${major}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

for (const line of wrong) console.error(`not ready: ${line}`);
console.log(wrong.length === 0 ? `ready: ${folder}` : `${wrong.length} things to do before a release`);
process.exit(wrong.length === 0 ? 0 : 1);
