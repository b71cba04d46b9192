/**
 * The compiler as the session has it: heavy text is compiled in the compiler process, whose answer is used; all other text here.
 * Nothing outside this folder imports deeper than this file.
 */
import { createHash } from 'node:crypto';
import type { Binding } from '../../contracts/compiled-cells.ts';
import type { CellReading, Compilation, Completeness, SessionCompiler } from '../../contracts/compiler.ts';
import { TYPED_LENGTH } from '../../limits/index.ts';
import type { PortableCompiler } from '../compile/index.ts';
import { mayHaveMagics } from '../compile/magics.ts';
import { CompilerProcess, HeavyTextError } from './compiler-process.ts';
import { isHeavy as isHeavyText } from '../../limits/weight.ts';
import { beginsAsCellMagic } from '../../contracts/magic-syntax.ts';

export { HeavyTextError } from './compiler-process.ts';
export { isHeavy } from '../../limits/weight.ts';

/** Time for a cell that runs. It can be interrupted, and holds up nothing but itself. */
const COMPILE_MS = 30_000;
/** Time for what a person waits for while typing. */
const TYPING_MS = 5_000;
/** Number of unreadable texts that are remembered: a text that is being typed is read again and again. */
const REMEMBERED = 20;

export interface SeparateOptions {
  compiler: PortableCompiler;
  magics: readonly string[];
  /** Bundle of the compiler process. */
  file: string;
}

export function createSessionCompiler({ compiler, magics, file }: SeparateOptions): SessionCompiler {
  const separate = new CompilerProcess(file);
  const isHeavy = remembering(isHeavyText);
  const refused = new Set<string>();

  const digest = (source: string): string => createHash('sha1').update(source).digest('base64');
  const refuse = (source: string): void => {
    refused.add(digest(source));
    const [oldest] = refused;
    if (refused.size > REMEMBERED && oldest !== undefined) refused.delete(oldest);
  };
  /** For typing: undefined when the text cannot be read in time. */
  const typed = async <T>(source: string, ask: () => Promise<T>): Promise<T | undefined> => {
    if (refused.has(digest(source))) return undefined;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof HeavyTextError)) throw error;
      refuse(source);
      return undefined;
    }
  };
  /** For a cell that runs: tried each time, since a machine that had no time may have it now. */
  const running = async <T>(source: string, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof HeavyTextError && error.code === 'died') refuse(source);
      throw error;
    }
  };

  return {
    async split(source, signal) {
      if (!isHeavy(source)) return compiler.split(source);
      // The look of a cell magic is told without a parser.
      if (beginsAsCellMagic(source) || !mayHaveMagics(source)) return compiler.splitHead(source);
      return await running(source, () => separate.ask({ kind: 'split', source, magics }, COMPILE_MS, signal));
    },
    async compile(source, execution, signal): Promise<Compilation> {
      if (!isHeavy(source)) {
        const compiled = compiler.compile(source, execution);
        return { ...compiled, typed: (compiled.ok ? compiled.typed : undefined) ?? { source } };
      }
      const state = compiler.state(execution);
      const { result, bindings, assignedInFunctions, reading } = await running(source, () =>
        separate.ask({ kind: 'compile', source, magics, execution, state }, COMPILE_MS, signal),
      );
      compiler.adopt(execution, bindings, assignedInFunctions);
      const typed = (result.ok ? result.typed : undefined) ?? { source };
      return { ...result, typed: reading ? { ...typed, reading } : { source: untyped(bindings) } };
    },
    async isComplete(source): Promise<Completeness> {
      if (!isHeavy(source)) return compiler.isComplete(source);
      // A console that waits for more of it would wait for ever; what is wrong is said when it runs.
      return (
        (await typed(source, () => separate.ask({ kind: 'isComplete', source, magics }, TYPING_MS))) ?? {
          status: 'invalid',
        }
      );
    },
    async read(source): Promise<CellReading | 'light' | undefined> {
      if (source.length > TYPED_LENGTH) return undefined;
      if (!isHeavy(source)) return 'light';
      return await typed(source, () => separate.ask({ kind: 'read', source, magics }, TYPING_MS));
    },
    commit: (execution, declared) => compiler.commit(execution, declared),
    reset: () => compiler.reset(),
    bindings: () => compiler.bindings(),
    dispose: () => separate.dispose(),
  };
}

/** A cell is split and compiled: what was found of the last text holds for both. */
function remembering(judge: (source: string) => boolean): (source: string) => boolean {
  let last: { source: string; found: boolean } | undefined;
  return (source) => {
    if (last?.source !== source) last = { source, found: judge(source) };
    return last.found;
  };
}

/** The text of a cell that is too long or nests too deeply for the type service: its names. */
function untyped(bindings: readonly Binding[]): string {
  return bindings.map(({ name }) => `declare let ${name}: any;`).join(' ');
}
