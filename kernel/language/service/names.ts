/**
 * The cells of a session: which cell declares which name, and the text that stands before a cell so that it sees the
 * others, each a namespace `__cell3` of the history.
 *
 * A later cell gets `declare let x: typeof __cell3.x` for a variable (an imported variable could not be assigned:
 * TS2632) and `import A = __cell3.A` for what is a type too, or has overloads. All of it stands on one line before the
 * cell, so a position differs by that line and nothing else. A cell keeps what it was given: its closures keep
 * their types when a name is declared again.
 */
import type { CellCompiler } from '../../interfaces.ts';
import { analyzeCell, type CellAnalysis } from './declarations.ts';
import { blankMagics, blankParts } from './magic-lines.ts';
import { historyPart, historyText, type HistoryPart } from './history.ts';
import { HISTORY, OWN_PREFIX } from './own-names.ts';

export interface CellModule {
  execution: number;
  /** The folder that its imports start from. */
  directory: string;
  /** The document to check: the line before the cell, and the cell. */
  text: string;
  /** Lines of the cell itself. */
  lines: number;
  /** Cells that this one needs. */
  uses: Set<number>;
  analysis: CellAnalysis;
  history: HistoryPart;
}

interface Name {
  execution: number;
  kind: 'const' | 'let' | 'alias' | 'type';
  /** The cell at whose end the type is known more exactly (`let m: Model | undefined; m = …`), 0 for none. */
  narrowedBy: number;
}

/** How many cells whose names were all declared again may stay because a living cell has types from them. */
const CHAIN_LIMIT = 60;

/** Cells that may run at once: what an older one replaced is no longer kept for its outcome. */
const UNDECIDED_LIMIT = 50;

export class CellNames {
  readonly #names = new Map<string, Name>();
  readonly #modules = new Map<number, CellModule>();
  /** What a cell's declarations replaced, until its outcome is known. */
  readonly #replaced = new Map<number, Map<string, Name | undefined>>();
  /** Counts up with every cell that the history gets or loses. */
  version = 0;
  /** The folder of the next cell. */
  directory: string;
  magics: ReadonlySet<string> | undefined;
  readonly split: CellCompiler['split'] | undefined;

  constructor(directory: string, split?: CellCompiler['split']) {
    this.directory = directory;
    this.split = split;
  }

  /** Cells that some name, or some other living cell, needs. */
  modules(): ReadonlyMap<number, CellModule> {
    return this.#modules;
  }

  get(execution: number): CellModule | undefined {
    return this.#modules.get(execution);
  }

  /** The names in scope for the next cell. */
  visible(): string[] {
    return [...this.#names.keys()];
  }

  /** Adds a cell; its declarations are in force at once. Undefined when nothing of it is TypeScript. */
  add(execution: number, source: string): CellModule | undefined {
    const blanked = this.split
      ? blankParts(source, this.split, this.magics)
      : blankMagics(source, this.magics);
    if (blanked.foreign) return undefined;
    const analysis = analyzeCell(blanked.text);
    const before = this.prelude(analysis, analysis.words);
    const module: CellModule = {
      execution,
      directory: this.directory,
      text: `${before.text}\n${blanked.text}`,
      lines: source.split('\n').length,
      uses: before.uses,
      analysis,
      history: historyPart({
        execution,
        source: blanked.text,
        analysis,
        before: before.inHistory,
        ends: [...analysis.declarations.values()]
          .filter(({ kind, annotated }) => kind === 'let' && annotated)
          .map(({ name }) => name)
          .concat([...before.lets].filter((name) => analysis.assigned.has(name))),
        directory: this.directory,
      }),
    };
    this.#modules.set(execution, module);
    this.version++;
    const replaced = new Map<string, Name | undefined>();
    for (const { name, kind, annotated } of analysis.declarations.values()) {
      replaced.set(name, this.#names.get(name));
      const narrows = kind === 'let' && annotated && !analysis.assignedInFunctions.has(name);
      this.#names.set(name, { execution, kind, narrowedBy: narrows ? execution : 0 });
    }
    for (const name of before.lets) {
      const entry = this.#names.get(name);
      if (!entry || !analysis.assigned.has(name)) continue;
      replaced.set(name, entry);
      const known = analysis.parsed && !analysis.assignedInFunctions.has(name);
      this.#names.set(name, { ...entry, narrowedBy: known ? execution : 0 });
    }
    for (const name of analysis.assignedInFunctions) {
      const entry = this.#names.get(name);
      if (entry && before.lets.has(name)) this.#names.set(name, { ...entry, narrowedBy: 0 });
    }
    this.#replaced.set(execution, replaced);
    const oldest = this.#replaced.keys().next().value;
    if (this.#replaced.size > UNDECIDED_LIMIT && oldest !== undefined) this.#replaced.delete(oldest);
    return module;
  }

  /** Only these of a cell's names came into being; none of its declarations counts if it did not run (undefined). */
  commit(execution: number, declared: readonly string[] | undefined): void {
    const module = this.#modules.get(execution);
    const replaced = this.#replaced.get(execution);
    this.#replaced.delete(execution);
    if (!module || !replaced) return;
    const kept = new Set(declared);
    for (const [name, earlier] of replaced) {
      const declaration = module.analysis.declarations.get(name);
      const stays = declared !== undefined && (!declaration || kept.has(name) || declaration.kind === 'type');
      const current = this.#names.get(name);
      const ours = current?.execution === execution || current?.narrowedBy === execution;
      if (stays || !ours) continue;
      if (earlier && this.#modules.has(earlier.execution)) this.#names.set(name, earlier);
      else this.#names.delete(name);
    }
  }

  /** The line before a cell: every visible name of `wanted` (all without it) that the cell does not declare itself. */
  prelude(
    analysis: CellAnalysis,
    wanted?: ReadonlySet<string>,
  ): { text: string; inHistory: string; uses: Set<number>; lets: Set<string> } {
    const uses = new Set<number>();
    const lets = new Set<string>();
    const inHistory: string[] = [];
    const outside: string[] = [];
    const say = (statement: (root: string) => string) => {
      inHistory.push(statement(OWN_PREFIX));
      outside.push(statement(`${HISTORY}.${OWN_PREFIX}`));
    };
    for (const [name, { execution, kind, narrowedBy }] of this.#names) {
      if (analysis.declarations.has(name) || (wanted && !wanted.has(name))) continue;
      uses.add(execution);
      if (kind === 'const') say((root) => `declare const ${name}: typeof ${root}${execution}.${name};`);
      else if (kind === 'let') {
        lets.add(name);
        if (narrowedBy) {
          uses.add(narrowedBy);
          say((root) => {
            const declared = `typeof ${root}${execution}.${name}`;
            const end = `typeof ${root}${narrowedBy}.${OWN_PREFIX}_end_${name}`;
            return `let ${name}: ${declared} = null! as __After<${declared}, ${end}>;`;
          });
        } else say((root) => `declare let ${name}: typeof ${root}${execution}.${name};`);
      } else say((root) => `import ${name} = ${root}${execution}.${name};`);
    }
    // The import is the same for all cells, so that a new one does not change the shape of the project. The last
    // semicolon is a statement of its own: after an import the server completes what may follow an import.
    const history = `import * as ${HISTORY} from "./${HISTORY}";`;
    return {
      text: [analysis.pragmas, history, ...outside, ';'].join(' '),
      inHistory: inHistory.join(' '),
      uses,
      lets,
    };
  }

  /** The document with all living cells. */
  historyText(): string {
    return historyText([...this.#modules.values()].map(({ history }) => history));
  }

  /** Forgets cells that nothing needs any more. Returns those that were forgotten. */
  collect(keep: ReadonlySet<number>): CellModule[] {
    const named = new Set(keep);
    for (const { execution, narrowedBy } of this.#names.values()) {
      named.add(execution);
      if (narrowedBy) named.add(narrowedBy);
    }
    for (const execution of this.#replaced.keys()) named.add(execution);
    for (const replaced of this.#replaced.values()) {
      for (const name of replaced.values()) if (name) named.add(name.execution).add(name.narrowedBy);
    }
    const live = new Set<number>();
    const queue = [...named];
    for (let execution = queue.pop(); execution !== undefined; execution = queue.pop()) {
      const module = this.#modules.get(execution);
      if (!module || live.has(execution)) continue;
      live.add(execution);
      queue.push(...module.uses);
    }
    const onlyForTypes = [...live].filter((execution) => !named.has(execution)).sort((a, b) => a - b);
    for (const execution of onlyForTypes.slice(0, Math.max(0, onlyForTypes.length - CHAIN_LIMIT))) {
      live.delete(execution);
    }
    const forgotten = [...this.#modules.values()].filter(({ execution }) => !live.has(execution));
    for (const { execution } of forgotten) this.#modules.delete(execution);
    return forgotten;
  }

  reset(): void {
    this.version++;
    this.#names.clear();
    this.#modules.clear();
    this.#replaced.clear();
  }
}
