import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(__dirname, '../../..');

function pages(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pages(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Markdown without its blocks of code. */
function text(page: string): string {
  return readFileSync(page, 'utf8').replaceAll(/^ *(```+)[^\n]*\n[\s\S]*?^ *\1 *$/gm, '');
}

/** The anchors that GitHub gives to the headings of a page. */
function anchors(page: string): string[] {
  return [...text(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const all = [
  ...readdirSync(root)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, name)),
  ...pages(join(root, 'docs')),
];

test.each(all.map((page) => relative(root, page)))('%s: links lead to a file and a heading', (page) => {
  const broken: string[] = [];
  const prose = text(join(root, page)).replaceAll(/`[^`\n]*`/g, '');
  for (const [, target] of prose.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [path, anchor] = target!.split('#') as [string, string | undefined];
    const file = path === '' ? join(root, page) : join(root, dirname(page), path);
    if (!existsSync(file)) broken.push(target!);
    else if (anchor !== undefined && !anchors(file).includes(anchor)) broken.push(target!);
  }
  expect(broken).toEqual([]);
});

test('pages that code and notebooks name exist', () => {
  const sources = ['cli', 'kernel', 'runtime', 'src', 'scripts', 'notebooks'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|ipynb)$/.test(name))
      .map((name) => join(root, folder, name)),
  );
  const missing = sources.flatMap((source) =>
    [...readFileSync(source, 'utf8').matchAll(/(?<![\w./-])docs\/[\w/-]+\.md(?:#([\w-]+))?/g)]
      .filter(([name, anchor]) => {
        const page = join(root, name.replace(/#.*/, ''));
        return !existsSync(page) || (anchor !== undefined && !anchors(page).includes(anchor));
      })
      .map(([name]) => `${relative(root, source)}: ${name}`),
  );
  expect(missing).toEqual([]);
});
