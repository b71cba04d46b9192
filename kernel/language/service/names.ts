/**
 * The cells of a session as TypeScript modules: which cell declares which name, and the text that stands before a cell
 * so that it sees the others.
 *
 * A later cell gets `declare let x: typeof __cell3.x` for a variable (an imported variable could not be assigned:
 * TS2632) and `import A = __cell3.A` for what is a type too, or has overloads. All of it stands on one line before the
 * cell, so a position differs by that line and nothing else. A cell keeps what it was given: its closures keep
 * their types when a name is declared again.
 */
import type { CellCompiler } from '../../interfaces.ts';
import { analyzeCell, type CellAnalysis } from './declarations.ts';
import { blankMagics, blankParts } from './magic-lines.ts';
import { OWN_PREFIX } from './own-names.ts';

export interface CellModule {
  execution: number;
  /** Path without extension, as other cells import it. */
  path: string;
  /** The document: the line before the cell, the cell, its exports. */
  text: string;
  /** Lines of the cell itself. */
  lines: number;
  /** `.tsx` when the cell has JSX in it. */
  extension: '.ts' | '.tsx';
  /** Executions whose modules this one imports. */
  uses: Set<number>;
  analysis: CellAnalysis;
  imports: readonly string[];
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
  /** Where the next cell's document is. */
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
      path: `${this.directory}/${OWN_PREFIX}_${execution}`,
      text: `${before.text}\n${blanked.text}\n${this.#exports(analysis, before.lets)}`,
      lines: source.split('\n').length,
      extension: analysis.jsx ? '.tsx' : '.ts',
      uses: before.uses,
      analysis,
      imports: analysis.imports,
    };
    this.#modules.set(execution, module);
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

  /**
   * The line before a cell: every visible name of `wanted` that the cell does not declare itself.
   * `all`: a module specifier for every living cell, so that leaving a name out does not change the program's shape.
   */
  prelude(
    analysis: CellAnalysis,
    wanted: ReadonlySet<string> | undefined,
    all = false,
  ): { text: string; uses: Set<number>; lets: Set<string> } {
    const uses = new Set<number>();
    const lets = new Set<string>();
    const lines: string[] = [];
    for (const [name, { execution, kind, narrowedBy }] of this.#names) {
      if (analysis.declarations.has(name) || (wanted && !wanted.has(name))) continue;
      uses.add(execution);
      const from = `${OWN_PREFIX}${execution}.${name}`;
      if (kind === 'const') lines.push(`declare const ${name}: typeof ${from};`);
      else if (kind === 'let') {
        lets.add(name);
        if (narrowedBy) {
          uses.add(narrowedBy);
          const end = `${OWN_PREFIX}${narrowedBy}.${OWN_PREFIX}_end_${name}`;
          lines.push(`let ${name}: typeof ${from} = null! as __After<typeof ${from}, typeof ${end}>;`);
        } else lines.push(`declare let ${name}: typeof ${from};`);
      } else lines.push(`import ${name} = ${from};`);
    }
    const imported = all
      ? this.#modules.values()
      : [...uses].map((execution) => this.#modules.get(execution));
    const imports = [...imported].map((module) =>
      module ? `import * as ${OWN_PREFIX}${module.execution} from ${JSON.stringify(module.path)};` : '',
    );
    // The last semicolon is a statement of its own: after an import the server completes what may follow an import.
    return { text: [analysis.pragmas, ...imports, ...lines, ';'].join(' '), uses, lets };
  }

  #exports(analysis: CellAnalysis, lets: ReadonlySet<string>): string {
    const names = [...analysis.declarations.keys()].filter((name) => !analysis.exported.has(name));
    const ends = [...analysis.declarations.values()]
      .filter(({ kind, annotated }) => kind === 'let' && annotated)
      .map(({ name }) => name)
      .concat([...lets].filter((name) => analysis.assigned.has(name)))
      .map((name) => `export const ${OWN_PREFIX}_end_${name} = ${name};`);
    return `export { ${names.join(', ')} }; ${ends.join(' ')}`;
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
    this.#names.clear();
    this.#modules.clear();
    this.#replaced.clear();
  }
}
