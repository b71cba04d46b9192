import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Edits } from '../../kernel/language/compile/edits.ts';
import { lower } from '../../kernel/language/compile/lower.ts';
import { parse } from '../../kernel/language/compile/parse.ts';
import { NeedsLowering } from '../../kernel/language/compile/nodes.ts';
import { Walk } from '../../kernel/language/compile/walk.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The content of a text, without positions and quotes. */
function shape(node: unknown): unknown {
  if (Array.isArray(node)) {
    return node
      .filter((item: { type?: string } | null) => item?.type !== 'EmptyStatement' && !isModuleSyntax(item))
      .map(shape);
  }
  // swc keeps clear of names that CommonJS gives.
  if (node === 'require1') return 'require';
  if (typeof node === 'bigint' || node instanceof RegExp) return String(node);
  if (typeof node !== 'object' || node === null) return node;
  const { type, expression } = node as { type?: string; expression?: unknown };
  // swc takes `(a?.b as T).c` for `a?.b.c`; TypeScript keeps the parentheses, and so do we.
  if (type === 'ParenthesizedExpression' || type === 'ChainExpression') return shape(expression);
  const entries = Object.entries(node).filter(([key]) => !['start', 'end', 'raw', 'directive'].includes(key));
  const result = Object.fromEntries(entries.map(([key, value]) => [key, shape(value)]));
  // `{ 'a': 1 }` and `{ a: 1 }`, `${x}` and escapes: printers choose.
  if (type === 'Property' || type === 'MethodDefinition' || type === 'PropertyDefinition') {
    const { key, computed } = result as {
      key: { type: string; name?: string; value?: unknown };
      computed: boolean;
    };
    if (!computed && key.type === 'Literal') result['key'] = { type: 'Identifier', name: String(key.value) };
    result['shorthand'] = undefined;
  }
  // Printers put some bodies into braces.
  for (const key of ['consequent', 'alternate', 'body']) {
    const { type: inner, body } = (result[key] ?? {}) as { type?: string; body?: unknown[] };
    if (
      inner === 'BlockStatement' &&
      body?.length === 1 &&
      /^(?:If|For\w*|While|DoWhile)Statement$/.test(type ?? '')
    )
      result[key] = body[0];
  }
  if (type === 'TemplateElement') result['value'] = (result['value'] as { cooked: string }).cooked;
  return result;
}

function isModuleSyntax(node: { type?: string; declaration?: unknown } | null): boolean {
  return (
    node?.type === 'ImportDeclaration' ||
    node?.type === 'ExportAllDeclaration' ||
    (node?.type === 'ExportNamedDeclaration' && !node.declaration)
  );
}

/** Whether erasing gives what swc gives; undefined where a file needs swc. */
function compare(source: string, name: string): boolean | undefined {
  const { program, problem } = parse(source, 'ts');
  if (problem) return undefined;
  const edits = new Edits();
  try {
    const walk = new Walk(source, edits);
    walk.program(program, false);
    // Imports are rewritten as a whole elsewhere.
    for (const site of walk.sites)
      if (site.kind === 'import' || (site.kind === 'export' && isModuleSyntax(site.node)))
        edits.replace(site.node.start, site.node.end, ';');
  } catch (error) {
    if (error instanceof NeedsLowering) return undefined;
    throw error;
  }
  const erased = edits.render(source, '', '').code;
  const ours = parse(erased, 'js');
  assert.equal(
    ours.problem,
    undefined,
    `${name}: ${ours.problem?.message} at ${erased.slice(ours.problem?.start, (ours.problem?.start ?? 0) + 60)}`,
  );
  const { code } = lower(source, name, false, {});
  // With helpers it did more than erase.
  if (/^function _\w+\(/m.test(code)) return undefined;
  const theirs = parse(code, 'js');
  assert.deepEqual(shape(ours.program.body), shape(theirs.program.body), name);
  return true;
}

function typescriptFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : typescriptFiles(path);
    return /\.[cm]?ts$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

/** More folders to try, separated by colons. */
const more = (process.env['TENSORCELL_ERASE'] ?? '').split(':').filter((folder) => folder !== '');

test('erasing types gives what a compiler gives', () => {
  let compared = 0;
  for (const folder of [
    ...['cli', 'kernel', 'runtime', 'src', 'test'].map((name) => join(root, name)),
    ...more,
  ])
    for (const file of typescriptFiles(folder))
      if (compare(readFileSync(file, 'utf8'), relative(root, file)) === true) compared++;
  assert.ok(compared > 100, `only ${compared} files were compared`);
});
