import { parseSync } from 'oxc-parser';
import type { Program } from 'oxc-parser';
import { isNestedTooDeeply } from './brackets.ts';

export interface ParseProblem {
  message: string;
  start: number;
  end: number;
}

export interface Parsed {
  program: Program;
  /** The first syntax error; the tree is then incomplete. */
  problem?: ParseProblem;
}

export type SourceLanguage = 'js' | 'ts' | 'tsx';

/** Parses a module. Offsets of the tree count UTF-16 code units. */
export function parse(source: string, lang: SourceLanguage): Parsed {
  if (isNestedTooDeeply(source)) {
    const program = parse('', lang).program;
    return { program, problem: { message: 'this code is nested too deeply', start: 0, end: 0 } };
  }
  const result = parseSync(lang === 'js' ? 'cell.js' : 'cell.ts', source, {
    lang,
    sourceType: 'module',
    astType: lang === 'js' ? 'js' : 'ts',
    showSemanticErrors: true,
  });
  const error = result.errors.find(({ severity }) => (severity as string) === 'Error');
  if (!error) return { program: result.program };
  const label = error.labels[0];
  return {
    program: result.program,
    problem: {
      message: error.helpMessage ? `${error.message}: ${error.helpMessage}` : error.message,
      start: label?.start ?? source.length,
      end: label?.end ?? source.length,
    },
  };
}

/** The first error of grammar alone: mistakes such as a name that is declared twice do not count. */
export function parseSyntax(source: string, lang: SourceLanguage): ParseProblem | undefined {
  if (isNestedTooDeeply(source)) return { message: 'this code is nested too deeply', start: 0, end: 0 };
  const { errors } = parseSync('cell.ts', source, { lang, sourceType: 'module', astType: 'ts' });
  const error = errors.find(({ severity }) => (severity as string) === 'Error');
  if (!error) return undefined;
  const [label] = error.labels;
  return {
    message: error.message,
    start: label?.start ?? source.length,
    end: label?.end ?? source.length,
  };
}
