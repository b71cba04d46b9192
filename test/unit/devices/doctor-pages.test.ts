import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../../../src/machine/doctor/index.ts';

const pages = join(__dirname, '..', '..', '..', 'docs', 'doctor');

/** Pages about what no check can see. */
const OTHERS = [
  'README',
  'docker-start',
  'log-lines',
  'other-shell',
  'out-of-memory',
  'pinned-memory',
  'python-cells',
  'symptoms',
];

test('every check has a page, and every page a check', () => {
  const codes = CHECKS.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  const names = readdirSync(pages).map((name) => name.replace(/\.md$/, ''));
  expect(names.toSorted()).toEqual([...codes, ...OTHERS].toSorted());
});

test('the overview lists the checks in the order of the report', () => {
  const overview = readFileSync(join(pages, 'README.md'), 'utf8');
  const listed = [...overview.matchAll(/^\| \[([\w-]+)\]\(([\w-]+)\.md\)/gm)].map((match) => match[1]);
  expect(listed).toEqual(CHECKS.map(({ code }) => code));
});

test('a symptom is told by the doctor exactly where its page is that of a check', () => {
  const codes = new Set(CHECKS.map(({ code }) => code));
  const text = readFileSync(join(pages, 'symptoms.md'), 'utf8');
  const rows = [...text.matchAll(/^\| .* \| \[([\w-]+)\]\([\w-]+\.md\)\s+\| (.*?)\s+\|$/gm)];
  expect(rows).toHaveLength(41);
  for (const [row, page, told] of rows) expect([row, told === 'yes']).toEqual([row, codes.has(page!)]);
});

test('links between pages lead somewhere', () => {
  for (const name of readdirSync(pages)) {
    for (const [, target] of readFileSync(join(pages, name), 'utf8').matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      expect([name, target, existsSync(join(pages, target!))]).toEqual([name, target, true]);
    }
  }
});
