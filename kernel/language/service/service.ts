/** The language service of a session: diagnostics of cells, completion and inspection from TypeScript's server. */
import { setMaxListeners } from 'node:events';
import type { CellCompiler, CellReading, SessionCompiler } from '../../contracts/compiler.ts';
import type {
  CompletionItem,
  Completions,
  Diagnostic,
  Inspection,
  LanguageService,
} from '../../contracts/language-service.ts';
import { positionAt, toCompletions, withDetail, type SelectedCompletions } from './completion.ts';
import { readUserConfig } from '../../tsconfig/index.ts';
import { analyzeCell } from './declarations.ts';
import { selectDiagnostics } from './diagnostics.ts';
import { documentOf, existingFolder, ServiceDocuments } from './documents.ts';
import { ImportedFiles } from './imported-files.ts';
import { hoverInspection, signatureInspection, wordAt } from './inspection.ts';
import { findTsc } from './kernel-packages.ts';
import { CellNames, type CellModule } from './names.ts';
import { readTyped, type Reading } from './reading.ts';
import { LanguageServer, NoAnswerError } from './server.ts';

export interface LanguageServiceOptions {
  /** The notebook's folder. */
  directory: string;
  /** TypeScript's native compiler; found in the kernel's own packages when left out. */
  tscPath?: string;
  /** A folder with `index.d.ts` or `index.ts`, which declares what cells have in scope without import. */
  globalTypes: string;
  /** Packages whose types the kernel brings, name -> folder or declaration file; found when left out. */
  packages?: Readonly<Record<string, string>>;
  /** Names of magics, so that `%who` is told from a remainder. */
  magics?: () => Iterable<string>;
  /** The compiler's word on which lines of a cell are magics; told by their looks when left out. */
  split?: CellCompiler['split'];
  /** Reads what is typed elsewhere, where it is heavy; here when left out (see SessionCompiler). */
  read?: SessionCompiler['read'];
  log: (message: string) => void;
  /** Tells the person what they have to do without. */
  notify?: (text: string) => void;
}

const COMPLETION_LIMIT_MS = 5_000;
const DESCRIPTION_LIMIT_MS = 500;
/** So many items at most are described one by one. */
const DESCRIBED = 12;
/** Of these the server knows more than it says at first: whatever is imported is a variable to begin with. */
const DESCRIBABLE = new Set(['variable', 'function']);
/** The text before a member of the library, whose types do not change. */
const LIBRARY_PATH = /(?<![\w$.])tf\.(?:\w+\.)*$/;
const INSPECTION_LIMIT_MS = 5_000;
const DIAGNOSTICS_LIMIT_MS = 60_000;
/** Diagnostics of that many cells are remembered, for who asks twice. */
const REMEMBERED = 200;

/** Starts nothing yet: the server is started by `start`, or by the first question. */
export function createLanguageService(options: LanguageServiceOptions): LanguageService {
  return new TypeScriptService(options);
}

class TypeScriptService implements LanguageService {
  readonly #options: LanguageServiceOptions;
  readonly #names: CellNames;
  readonly #server: LanguageServer;
  readonly #documents: ServiceDocuments;
  readonly #files = new ImportedFiles();
  readonly #diagnostics = new Map<number, Promise<Diagnostic[]>>();
  /** `tf.layers.dense` -> what the server said of it. */
  readonly #details = new Map<string, string>();
  /** Cells whose check is under way, and the newest one. */
  readonly #pending = new Set<number>();
  /** Documents have to keep still while the server answers for them: one question at a time, in two lanes. */
  #checking: Promise<unknown> = Promise.resolve();
  #typing: Promise<unknown> = Promise.resolve();
  #newestCompletion: AbortController | undefined;
  #newest = 0;
  #tscPath: string | undefined;
  #disposed = false;

  constructor(options: LanguageServiceOptions) {
    this.#options = options;
    const directory = existingFolder(options.directory);
    this.#names = new CellNames(directory, options.split);
    this.#server = new LanguageServer({
      tscPath: () => this.#findTsc(),
      directory,
      log: options.log,
      ...(options.notify ? { notify: options.notify } : {}),
    });
    this.#documents = new ServiceDocuments({
      directory,
      server: this.#server,
      names: this.#names,
      globalTypes: options.globalTypes,
      packages: options.packages,
      tsc: () => this.#findTsc(),
      log: options.log,
    });
  }

  start(): void {
    if (this.#disposed) return;
    void this.#inTurn('checking', () =>
      this.#ask('warming up', async () => {
        this.#documents.prepare();
        const [plain] = this.#documents.checks;
        // Loads the types of tf and of Node, so that the first cell does not wait for them.
        this.#server.write(plain, `${this.#names.prelude(analyzeCell('')).text}\ntf.tensor([1]);`);
        await this.#server.request('textDocument/diagnostic', documentOf(plain), DIAGNOSTICS_LIMIT_MS);
      }),
    );
  }

  addCell(execution: number, source: string, reading?: CellReading): void {
    this.#names.directory = this.#documents.directory;
    this.#names.magics = this.#options.magics ? new Set(this.#options.magics()) : undefined;
    const module = this.#names.add(execution, source, reading as Reading | undefined);
    if (!module) {
      this.#remember(execution, Promise.resolve([]));
      return;
    }
    this.#newest = execution;
  }

  commit(execution: number, declared: readonly string[] | undefined): void {
    this.#names.commit(execution, declared);
  }

  diagnostics(execution: number): Promise<Diagnostic[]> {
    const known = this.#diagnostics.get(execution);
    if (known) return known;
    const module = this.#names.get(execution);
    if (!module) return Promise.resolve([]);
    this.#pending.add(execution);
    const checked = this.#inTurn('checking', () => this.#check(module));
    this.#remember(execution, checked);
    return checked;
  }

  async #check(module: CellModule): Promise<Diagnostic[]> {
    const { execution, directory, lines, text, analysis, refusals } = module;
    // TypeScript obeys this comment in the first lines of a file only, and there stands what the cell sees of others.
    if (/@ts-nocheck\b/.test(analysis.pragmas)) {
      this.#pending.delete(execution);
      return [];
    }
    const found = await this.#ask(`checking cell ${execution}`, async () => {
      for (;;) {
        // Before the history: what is new on the disk counts for it too.
        this.#noticeFiles(analysis.imports, directory);
        await this.#documents.ready(() => new Set(this.#pending).add(this.#newest));
        const folder = this.#documents.directory;
        const [plain, jsx] = this.#documents.checks;
        const path = analysis.jsx ? jsx : plain;
        this.#server.write(path, text);
        const report = await this.#server.request(
          'textDocument/diagnostic',
          documentOf(path),
          DIAGNOSTICS_LIMIT_MS,
        );
        // A document that was closed in the meantime is outside of every project.
        if (this.#documents.directory === folder) return report.items ?? [];
      }
    });
    this.#pending.delete(execution);
    return selectDiagnostics(found ?? [], { execution, lines, text, directory, refusals });
  }

  async complete(source: string, cursor: number): Promise<Completions> {
    const none = { items: [], start: cursor, end: cursor };
    this.#newestCompletion?.abort();
    const control = new AbortController();
    // One listener for each item that is described.
    setMaxListeners(2 * DESCRIBED, control.signal);
    this.#newestCompletion = control;
    const answer = await this.#inTurn('typing', async () => {
      if (control.signal.aborted) return none;
      return await this.#ask('completion', async () => {
        const typed = await this.#typed(source);
        if (!typed || isBlanked(source, typed.text, cursor)) return none;
        const position = positionAt(source, cursor);
        const list = await this.#server.request(
          'textDocument/completion',
          {
            ...documentOf(typed.scratch),
            position: { line: position.line + 1, character: position.character },
            context: { triggerKind: 1 },
          },
          COMPLETION_LIMIT_MS,
          control.signal,
        );
        return await this.#describe(toCompletions(list, source, cursor, 1), source, control.signal);
      });
    });
    return answer ?? none;
  }

  async inspect(source: string, cursor: number): Promise<Inspection | undefined> {
    return await this.#inTurn('typing', () =>
      this.#ask('inspection', async () => {
        const typed = await this.#typed(source);
        if (!typed || isBlanked(source, typed.text, cursor)) return undefined;
        const at = (offset: number) => {
          const { line, character } = positionAt(source, offset);
          return { ...documentOf(typed.scratch), position: { line: line + 1, character } };
        };
        const word = wordAt(source, cursor);
        if (word) {
          const asked = at(Math.min(cursor, word.end - 1));
          const hover = await this.#server.request('textDocument/hover', asked, INSPECTION_LIMIT_MS);
          const inspection = hoverInspection(hover, word.path);
          if (inspection) return inspection;
        }
        const help = await this.#server.request(
          'textDocument/signatureHelp',
          at(cursor),
          INSPECTION_LIMIT_MS,
        );
        return signatureInspection(help);
      }),
    );
  }

  /** Asks for the kind and signature of items, where there are few: the server takes most of a millisecond for one. */
  async #describe(
    { items, start, end, from }: SelectedCompletions,
    source: string,
    signal: AbortSignal,
  ): Promise<Completions> {
    const described = items.filter(({ type }) => DESCRIBABLE.has(type)).length;
    if (described === 0 || described > DESCRIBED) return { items, start, end };
    const path = LIBRARY_PATH.exec(source.slice(Math.max(0, start - 200), start))?.[0];
    const detail = async (item: CompletionItem, index: number) => {
      const known = path && this.#details.get(path + item.text);
      if (known) return known;
      const resolved = await this.#ask('describing a completion', () =>
        this.#server.request('completionItem/resolve', from[index], DESCRIPTION_LIMIT_MS, signal),
      );
      if (path && resolved?.detail) this.#details.set(path + item.text, resolved.detail);
      return resolved?.detail;
    };
    return {
      items: await Promise.all(
        items.map(async (item, index) =>
          DESCRIBABLE.has(item.type) ? withDetail(item, await detail(item, index)) : item,
        ),
      ),
      start,
      end,
    };
  }

  /** Puts the text that the user types into a document. Undefined when it is not TypeScript. */
  async #typed(source: string): Promise<{ text: string; scratch: string } | undefined> {
    const found = (await this.#options.read?.(source)) ?? (this.#options.read ? undefined : 'light');
    const reading =
      found === 'light' ? readTyped(source, this.#names.magics) : (found as Reading | undefined);
    if (!reading || reading.foreign) return undefined;
    const { text, analysis } = reading;
    this.#noticeFiles(analysis.imports, this.#documents.directory);
    await this.#documents.ready(() => new Set(this.#pending).add(this.#newest));
    const [plain, jsx] = this.#documents.scratches;
    const scratch = analysis.jsx ? jsx : plain;
    this.#server.write(scratch, `${this.#names.prelude(analysis).text}\n${text}`);
    return { text, scratch };
  }

  setDirectory(wanted: string): void {
    this.#documents.directory = existingFolder(wanted);
  }

  reset(): void {
    this.#names.reset();
    this.#diagnostics.clear();
    this.#pending.clear();
    this.#files.clear();
    this.#server.revive();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#newestCompletion?.abort();
    await this.#server.dispose();
  }

  /** For tests and measurements. */
  get serverPid(): number | undefined {
    return this.#server.pid;
  }

  /** Documents of cells that the server holds. */
  get documentCount(): number {
    return this.#names.modules().size;
  }

  // ---------------------------------------------------------------- files and answers

  #noticeFiles(imports: readonly string[], directory: string): void {
    this.#files.paths = readUserConfig(this.#documents.directory)?.paths;
    for (const { path, type } of this.#files.changes()) this.#server.fileChanged(path, type);
    this.#files.follow(imports, directory);
  }

  #remember(execution: number, diagnostics: Promise<Diagnostic[]>): void {
    this.#diagnostics.set(execution, diagnostics);
    const oldest = this.#diagnostics.keys().next().value;
    if (this.#diagnostics.size > REMEMBERED && oldest !== undefined) this.#diagnostics.delete(oldest);
  }

  // ---------------------------------------------------------------- turns and failures

  #inTurn<T>(lane: 'checking' | 'typing', action: () => Promise<T>): Promise<T> {
    const before = lane === 'checking' ? this.#checking : this.#typing;
    // Requests for text that is being typed go first: checks of earlier cells wait.
    const turn = before.then(lane === 'checking' ? () => this.#typing.then(action) : action);
    const settled = turn.catch(() => undefined);
    if (lane === 'checking') this.#checking = settled;
    else this.#typing = settled;
    return turn;
  }

  /** No answer is no error for who asks: it is logged, and there is simply nothing to show. */
  async #ask<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const expected =
        error instanceof NoAnswerError && (error.code === 'stale' || error.code === 'disposed');
      if (!expected) this.#options.log(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #findTsc(): string {
    this.#tscPath ??= this.#options.tscPath ?? findTsc();
    return this.#tscPath;
  }
}

/** Whether the cursor stands in a line that is for the kernel, or that may become one. */
function isBlanked(source: string, blanked: string, cursor: number): boolean {
  const start = source.lastIndexOf('\n', cursor - 1) + 1;
  const before = source.slice(start, cursor);
  if (/^\s*%{1,2}[\w-]*$/.test(before)) return true;
  return before.trim() !== '' && blanked.slice(start, cursor).trim() === '';
}
