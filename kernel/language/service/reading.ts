/** The text of a cell, read for the types: what of it is TypeScript, and what that declares. */
import type { CellCompiler, CellReading } from '../../contracts/compiler.ts';
import { analyzeCell } from './declarations.ts';
import type { CellAnalysis } from './declarations.ts';
import { blankMagics, blankParts } from './magic-lines.ts';

/** A reading as the service has it. */
export interface Reading extends CellReading {
  analysis: CellAnalysis;
}

/** A cell that runs: the compiler names the lines that are magics. Without it their form decides. */
export function readCell(
  source: string,
  magics: ReadonlySet<string> | undefined,
  split: CellCompiler['split'] | undefined,
): Reading {
  const blanked = split ? blankParts(source, split, magics) : blankMagics(source, magics);
  const { text, foreign } = blanked;
  const isExpression = blanked.isExpression === true;
  // An expression declares nothing.
  const analysis = analyzeCell(foreign ? '' : isExpression ? `(${text}\n)` : text);
  return { text, foreign, isExpression, analysis };
}

/** Reads a text that is being typed and need not be whole. */
export function readTyped(source: string, magics: ReadonlySet<string> | undefined): Reading {
  return readCell(source, magics, undefined);
}
