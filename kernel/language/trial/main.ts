/** The child process of a trial: does with a cell on standard input what the kernel process would do with it. */
import { readFileSync } from 'node:fs';
import { TYPED_LENGTH } from '../../limits.ts';
import { createCellCompiler } from '../compile/index.ts';
import { analyzeCell } from '../service/declarations.ts';
import { blankMagics } from '../service/magic-lines.ts';

const source = readFileSync(0, 'utf8');
const magics = process.argv.slice(2);
const compiler = createCellCompiler({ knownMagics: () => magics });
if (compiler.split(source).kind === 'code') {
  compiler.compile(source, 1);
  compiler.isComplete(source);
}
if (source.length <= TYPED_LENGTH) analyzeCell(blankMagics(source, new Set(magics)).text);
