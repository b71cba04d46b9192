// npm packages that the tutorials read their data from: in a checkout they are development dependencies, and next to an
// installed package's copy of the tutorials `tensorcell lab` fetches these versions.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ cells: { cell_type: string, source: string | string[] }[] }} Notebook */

/**
 * The code of a notebook's cells.
 *
 * @param {string} file
 */
function codeOf(file) {
  /** @type {Notebook} */
  const { cells } = JSON.parse(readFileSync(file, 'utf8'));
  return cells
    .filter((cell) => cell.cell_type === 'code')
    .map(({ source }) => (Array.isArray(source) ? source.join('') : source))
    .join('\n');
}

/**
 * Development dependencies that a cell imports, resolves or requires, with their locked versions.
 *
 * @param {string} root
 * @returns {Record<string, string>}
 */
export function tutorialPackages(root) {
  /** @type {{ devDependencies: Record<string, string> }} */
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  /** @type {{ packages: Record<string, { version: string }> }} */
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const code = readdirSync(join(root, 'notebooks'))
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => codeOf(join(root, 'notebooks', name)))
    .join('\n');
  return Object.fromEntries(
    Object.keys(devDependencies)
      // tfjs comes inside the package.
      .filter((name) => !name.startsWith('@tensorflow/'))
      .filter((name) => new RegExp(`['"\`]${name}(/[^'"\`]*)?['"\`]`).test(code))
      .map((name) => [name, packages[`node_modules/${name}`]?.version ?? '']),
  );
}
