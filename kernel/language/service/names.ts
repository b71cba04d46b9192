/**
 * The cells of a session: which cell declares which name, and the text that stands before a cell so that it sees the
 * others, each a namespace `__cell3` of the history.
 *
 * A later cell gets `declare let x: typeof __cell3.x` for a variable (an imported variable could not be assigned:
 * TS2632) and `import A = __cell3.A` for constants, and for what is a type too or has overloads. A name's value and its
 * type may come from two cells. All of it stands on one line before the cell, so a position differs by that line and
 * nothing else. A cell keeps what it was given: its closures keep their types when a name is declared again.
 */
import type { CellCompiler } from '../../contracts/compiler.ts';
import { analyzeCell, type CellAnalysis, type Refusal, type ValueKind } from './declarations.ts';
import { historyPart, historyText, type HistoryPart } from './history.ts';
import { HISTORY, OWN_PREFIX } from './own-names.ts';
import { readCell, type Reading } from './reading.ts';

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
  /** Names that may not be assigned, though the line before the cell imports them all. */
  refusals: ReadonlyMap<string, Refusal>;
  analysis: CellAnalysis;
  history: HistoryPart;
}

/** A name's value. */
interface Value {
  execution: number;
  kind: ValueKind;
  isTypeToo: boolean;
  refusal: Refusal | undefined;
  /** The cell at whose end the type is known more exactly (`let m: Model | undefined; m = …`), 0 for none. */
  narrowedBy: number;
}

/** A name's type, declared by `type` or `interface`, or by something that is no value. */
interface Type {
  execution: number;
  /** Its cell declares no value of that name. */
  isAlone: boolean;
  parameters: string;
  arguments: string;
}

interface Meaning {
  value: Value | undefined;
  type: Type | undefined;
}

/** How many cells whose names were all declared again may stay because a living cell has types from them. */
const CHAIN_LIMIT = 60;

/** Cells that may run at once: what an older one replaced is no longer kept for its outcome. */
const UNDECIDED_LIMIT = 50;

export class CellNames {
  readonly #values = new Map<string, Value>();
  readonly #types = new Map<string, Type>();
  readonly #modules = new Map<number, CellModule>();
  /** Declarations that a cell replaced, until its outcome is known. */
  readonly #replaced = new Map<number, Map<string, Meaning>>();
  /** Global declarations of cells, with the cell that made the latest. */
  readonly #globals = new Map<string, number>();
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
    return [...new Set([...this.#values.keys(), ...this.#types.keys()])];
  }

  /** Adds a cell; its declarations are in force at once. Undefined when nothing of it is TypeScript. */
  add(execution: number, source: string, reading?: Reading): CellModule | undefined {
    const { text, foreign, isExpression, analysis } = reading ?? readCell(source, this.magics, this.split);
    if (foreign) return undefined;
    const before = this.prelude(analysis, analysis.words);
    const module: CellModule = {
      execution,
      directory: this.directory,
      text: isExpression ? `${before.text} (\n${text}\n)` : `${before.text}\n${text}`,
      lines: source.split('\n').length,
      uses: before.uses,
      refusals: before.refusals,
      analysis,
      history: historyPart({
        execution,
        source: isExpression ? '' : text,
        analysis: isExpression ? analyzeCell('') : analysis,
        before: before.inHistory,
        origins: before.origins,
        ends: [...analysis.declarations.values()]
          .filter(({ value, annotated }) => value === 'let' && annotated)
          .map(({ name }) => name)
          .concat([...before.lets].filter((name) => analysis.assigned.has(name))),
        directory: this.directory,
      }),
    };
    this.#modules.set(execution, module);
    this.version++;
    for (const { keys } of module.history.globals) for (const key of keys) this.#globals.set(key, execution);
    const replaced = new Map<string, Meaning>();
    for (const { name, value, type, isTypeToo, refusal, annotated } of analysis.declarations.values()) {
      replaced.set(name, { value: this.#values.get(name), type: this.#types.get(name) });
      if (value) {
        const narrows = value === 'let' && annotated && !analysis.assignedInFunctions.has(name);
        const narrowedBy = narrows ? execution : 0;
        this.#values.set(name, { execution, kind: value, isTypeToo, refusal, narrowedBy });
      }
      const none = { parameters: '', arguments: '' };
      if (type ?? !value)
        this.#types.set(name, { execution, isAlone: !value && type !== undefined, ...(type ?? none) });
      else if (isTypeToo) this.#types.delete(name);
    }
    for (const name of before.lets) {
      const value = this.#values.get(name);
      if (!value || !analysis.assigned.has(name)) continue;
      replaced.set(name, { value, type: this.#types.get(name) });
      const known = analysis.parsed && !analysis.assignedInFunctions.has(name);
      this.#values.set(name, { ...value, narrowedBy: known ? execution : 0 });
    }
    for (const name of analysis.assignedInFunctions) {
      const value = this.#values.get(name);
      if (value && before.lets.has(name)) this.#values.set(name, { ...value, narrowedBy: 0 });
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
    const alive = <T extends Value | Type>(earlier: T | undefined): T | undefined =>
      earlier && this.#modules.has(earlier.execution) ? earlier : undefined;
    for (const [name, earlier] of replaced) {
      const declaration = module.analysis.declarations.get(name);
      const hasRun = declared !== undefined;
      const value = this.#values.get(name);
      const earlierValue = alive(earlier.value);
      const earlierType = alive(earlier.type);
      const isOurs = value?.execution === execution || value?.narrowedBy === execution;
      const valueStays = hasRun && (!declaration?.value || kept.has(name));
      if (!valueStays && isOurs) {
        if (earlierValue) this.#values.set(name, earlierValue);
        else this.#values.delete(name);
        // A class that the cell did not reach leaves the earlier type.
        if (!this.#types.has(name) && earlierType) this.#types.set(name, earlierType);
      }
      if (hasRun || this.#types.get(name)?.execution !== execution) continue;
      if (earlierType) this.#types.set(name, earlierType);
      else this.#types.delete(name);
    }
    if (declared) return;
    for (const [key, owner] of this.#globals) if (owner === execution) this.#globals.delete(key);
  }

  /** The line before a cell: every visible name of `wanted` (all without it) that the cell does not declare itself. */
  prelude(
    analysis: CellAnalysis,
    wanted?: ReadonlySet<string>,
  ): {
    text: string;
    inHistory: string;
    uses: Set<number>;
    lets: Set<string>;
    refusals: Map<string, Refusal>;
    /** The cells that the names come from. */
    origins: Map<string, number>;
  } {
    const uses = new Set<number>();
    const lets = new Set<string>();
    const refusals = new Map<string, Refusal>();
    const origins = new Map<string, number>();
    const inHistory: string[] = [];
    const outside: string[] = [];
    for (const { name, refusal } of analysis.declarations.values()) if (refusal) refusals.set(name, refusal);
    for (const name of this.visible()) {
      if (wanted && !wanted.has(name)) continue;
      const own = analysis.declarations.get(name);
      const value = own?.value ? undefined : this.#values.get(name);
      const type = own?.type || own?.isTypeToo === true ? undefined : this.#types.get(name);
      const say = (execution: number, statement: (root: string) => string): void => {
        uses.add(execution);
        origins.set(name, execution);
        // A namespace exports all declarations of a name or none.
        inHistory.push(`${own ? 'export ' : ''}${statement(`${OWN_PREFIX}${execution}.`)}`);
        outside.push(statement(`${HISTORY}.${OWN_PREFIX}${execution}.`));
      };
      const isOne = value !== undefined && type?.execution === value.execution;
      if (value) {
        const { execution, kind, narrowedBy, refusal } = value;
        if (isOne || (kind !== 'let' && !type && !own)) {
          say(execution, (root) => `import ${name} = ${root}${name};`);
          if (refusal) refusals.set(name, refusal);
        } else if (kind !== 'let')
          say(execution, (root) => `declare ${refusal ? 'const' : 'let'} ${name}: typeof ${root}${name};`);
        else {
          lets.add(name);
          if (narrowedBy) {
            uses.add(narrowedBy);
            say(execution, (root) => {
              const declared = `typeof ${root}${name}`;
              const end = `${root.slice(0, -String(execution).length - 1)}${narrowedBy}.${OWN_PREFIX}_end_${name}`;
              return `let ${name}: ${declared} = null! as __After<${declared}, typeof ${end}>;`;
            });
          } else say(execution, (root) => `declare let ${name}: typeof ${root}${name};`);
        }
      }
      if (type && !isOne)
        say(type.execution, (root) =>
          type.isAlone || (!value && !own?.value)
            ? `import ${name} = ${root}${name};`
            : `type ${name}${type.parameters} = ${root}${name}${type.arguments};`,
        );
    }
    // The import is the same for all cells, so that a new one does not change the shape of the project. The last
    // semicolon is a separate statement: after an import the server completes what may follow an import.
    const history = `import * as ${HISTORY} from "./${HISTORY}";`;
    return {
      text: [analysis.pragmas, history, ...outside, ';'].join(' '),
      inHistory: inHistory.join(' '),
      uses,
      lets,
      refusals,
      origins,
    };
  }

  /** The document with all living cells. */
  historyText(): string {
    return historyText(
      [...this.#modules.values()].map(({ execution, history }) => ({
        ...history,
        globals: history.globals.filter(({ keys }) =>
          keys.every((key) => this.#globals.get(key) === execution),
        ),
      })),
    );
  }

  /** Forgets cells that nothing needs any more. Returns those that were forgotten. */
  collect(keep: ReadonlySet<number>): CellModule[] {
    const named = new Set(keep);
    const add = ({ value, type }: Meaning): void => {
      if (value) named.add(value.execution);
      if (value?.narrowedBy) named.add(value.narrowedBy);
      if (type) named.add(type.execution);
    };
    for (const value of this.#values.values()) add({ value, type: undefined });
    for (const type of this.#types.values()) add({ value: undefined, type });
    for (const execution of this.#globals.values()) named.add(execution);
    for (const [execution, replaced] of this.#replaced) {
      named.add(execution);
      for (const meaning of replaced.values()) add(meaning);
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
    this.#values.clear();
    this.#types.clear();
    this.#globals.clear();
    this.#modules.clear();
    this.#replaced.clear();
  }
}
