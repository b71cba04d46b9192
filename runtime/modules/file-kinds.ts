/** The content of a local file: code that the kernel compiles, a module of ECMAScript or CommonJS, JSON. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type * as oxcParser from 'oxc-parser';
import { isHeavyFile } from '../../kernel/limits/weight.ts';
import { shownPath } from '../shown-path.ts';
import { jsonErrorOffset } from './json-position.ts';

/** Whether the kernel compiles a local file, also for `require`. */
export function isCompiled(path: string): boolean {
  return !/\.(?:json|node|cjs|wasm)$/u.test(path) && /\.[cm]?[jt]sx?$/u.test(path) && isModuleSyntax(path);
}

/** How Node tells: extension, then package.json, then what the file says. */
export function isModuleSyntax(path: string): boolean {
  const extension = extname(path);
  if (extension === '.cjs') return false;
  if (extension !== '.js') return true;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      try {
        const { type } = JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string };
        if (type === 'module') return true;
        if (type === 'commonjs') return false;
      } catch {
        // A broken manifest says nothing.
      }
      break;
    }
    if (dirname(folder) === folder) break;
  }
  const source = readFileSync(path, 'utf8');
  // The parser could overflow its stack, which ends the process.
  if (isHeavyFile(source)) return /^\s*(?:export\b|import\b(?!\s*\())/mu.test(source);
  const { parseSync } = createRequire(import.meta.url)('oxc-parser') as typeof oxcParser;
  return parseSync(path, source, { sourceType: 'unambiguous' }).module.hasModuleSyntax;
}

/** @throws SyntaxError whose stack begins with the file's line, as that of a script does */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = Number(/at position (\d+)/u.exec(message)?.[1] ?? jsonErrorOffset(text));
    const before = text.slice(0, at).split('\n');
    const last = before.at(-1) ?? '';
    const row = text.split('\n')[before.length - 1] ?? '';
    // Node 22 and later say it of some mistakes.
    const place = /\(line \d+ column \d+\)/u.test(message)
      ? ''
      : ` (line ${before.length} column ${last.length + 1})`;
    const failure = new SyntaxError(`${shownPath(path)}: ${message}${place}`);
    const caret = `${' '.repeat(last.length)}^`;
    failure.stack = `${path}:${before.length}\n${row}\n${caret}\n\n${failure.stack ?? ''}`;
    throw failure;
  }
}
