/**
 * The language service of a session. The server's project has three documents (two of them also as JSX): the
 * *history* with all cells of the past, the *check* with the cell whose errors are asked for, and the *scratch* with
 * what somebody types. They change one at a time, and all import the same: so the server replaces one document in its
 * project and does not build the project anew.
 */
import { setMaxListeners } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type {
  CompletionItem as ServerItem,
  CompletionList,
  Hover,
  Diagnostic as ServerDiagnostic,
  SignatureHelp,
} from 'vscode-languageserver-protocol';
import { pathToFileURL } from 'node:url';
import type { CellCompiler, CellReading, SessionCompiler } from '../../contracts/compiler.ts';
import type {
  CompletionItem,
  Completions,
  Diagnostic,
  Inspection,
  LanguageService,
} from '../../contracts/language-service.ts';
import { positionAt, toCompletions, withDetail, type SelectedCompletions } from './completion.ts';
import { readUserConfig, type UserConfig } from '../../tsconfig/index.ts';
import { analyzeCell } from './declarations.ts';
import { selectDiagnostics } from './diagnostics.ts';
import { ImportedFiles } from './imported-files.ts';
import { hoverInspection, signatureInspection, wordAt } from './inspection.ts';
import { webAssemblyTypes } from './node-libraries.ts';
import { CellNames, type CellModule } from './names.ts';
import { HISTORY, OWN_PREFIX } from './own-names.ts';
import { packageFolder, projectText } from './project.ts';
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
/** What stands before a member of the library, whose types do not change. */
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
  /** The folder that the server has the project of, and the tsconfig.json that it was made with. */
  #project: { directory: string; config: UserConfig | undefined } | undefined;
  #newest = 0;
  #historyVersion = -1;
  #directory: string;
  #tscPath: string | undefined;
  #disposed = false;

  constructor(options: LanguageServiceOptions) {
    this.#options = options;
    this.#directory = existingFolder(options.directory);
    this.#names = new CellNames(this.#directory, options.split);
    this.#server = new LanguageServer({
      tscPath: () => this.#findTsc(),
      directory: this.#directory,
      log: options.log,
      ...(options.notify ? { notify: options.notify } : {}),
    });
  }

  start(): void {
    if (this.#disposed) return;
    void this.#inTurn('checking', () =>
      this.#ask('warming up', async () => {
        this.#prepare();
        const [plain] = this.#checks;
        // Loads the types of tf and of Node, so that the first cell does not wait for them.
        this.#server.write(plain, `${this.#names.prelude(analyzeCell('')).text}\ntf.tensor([1]);`);
        await this.#server.request('textDocument/diagnostic', this.#document(plain), DIAGNOSTICS_LIMIT_MS);
      }),
    );
  }

  addCell(execution: number, source: string, reading?: CellReading): void {
    this.#names.directory = this.#directory;
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
        await this.#ready();
        const folder = this.#directory;
        const [plain, jsx] = this.#checks;
        const path = analysis.jsx ? jsx : plain;
        this.#server.write(path, text);
        const report = await this.#server.request<{ items?: ServerDiagnostic[] }>(
          'textDocument/diagnostic',
          this.#document(path),
          DIAGNOSTICS_LIMIT_MS,
        );
        // A document that was closed in the meantime is outside of every project.
        if (this.#directory === folder) return report.items ?? [];
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
        const list = await this.#server.request<CompletionList | null>(
          'textDocument/completion',
          {
            ...this.#document(typed.scratch),
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
          return { ...this.#document(typed.scratch), position: { line: line + 1, character } };
        };
        const word = wordAt(source, cursor);
        if (word) {
          const asked = at(Math.min(cursor, word.end - 1));
          const hover = await this.#server.request<Hover | null>(
            'textDocument/hover',
            asked,
            INSPECTION_LIMIT_MS,
          );
          const inspection = hoverInspection(hover, word.path);
          if (inspection) return inspection;
        }
        const help = await this.#server.request<SignatureHelp | null>(
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
        this.#server.request<ServerItem>('completionItem/resolve', from[index], DESCRIPTION_LIMIT_MS, signal),
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

  /** Puts what somebody types into a document. Undefined when it is not TypeScript. */
  async #typed(source: string): Promise<{ text: string; scratch: string } | undefined> {
    const found = (await this.#options.read?.(source)) ?? (this.#options.read ? undefined : 'light');
    const reading =
      found === 'light' ? readTyped(source, this.#names.magics) : (found as Reading | undefined);
    if (!reading || reading.foreign) return undefined;
    const { text, analysis } = reading;
    this.#noticeFiles(analysis.imports, this.#directory);
    await this.#ready();
    const [plain, jsx] = this.#scratches;
    const scratch = analysis.jsx ? jsx : plain;
    this.#server.write(scratch, `${this.#names.prelude(analysis).text}\n${text}`);
    return { text, scratch };
  }

  setDirectory(wanted: string): void {
    const path = existingFolder(wanted);
    if (path === this.#directory) return;
    for (const document of this.#documents()) this.#server.remove(document);
    this.#directory = path;
    this.#project = undefined;
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

  // ---------------------------------------------------------------- documents

  /** Documents in pairs, since `<T>x` and `<T>x</T>` cannot be in one language. */
  #pair(name: string): [plain: string, jsx: string] {
    const path = `${this.#directory}/${OWN_PREFIX}_${name}.ts`;
    return [path, `${path}x`];
  }

  get #checks(): [plain: string, jsx: string] {
    return this.#pair('check');
  }

  get #scratches(): [plain: string, jsx: string] {
    return this.#pair('scratch');
  }

  get #history(): string {
    return `${this.#directory}/${HISTORY}.ts`;
  }

  #documents(): string[] {
    const own = ['tsconfig.json', `${OWN_PREFIX}_helpers.d.ts`].map((name) => `${this.#directory}/${name}`);
    return [...own, this.#history, ...this.#checks, ...this.#scratches];
  }

  #document(path: string): { textDocument: { uri: string } } {
    return { textDocument: { uri: pathToFileURL(path).href } };
  }

  /** The project's options and what is declared for every cell; once for a folder and a state of its tsconfig.json. */
  #prepare(): void {
    const directory = this.#directory;
    const config = readUserConfig(directory);
    if (this.#project?.directory === directory && this.#project.config === config) return;
    this.#writeProject(directory, config);
    this.#project = { directory, config };
  }

  #writeProject(directory: string, config: UserConfig | undefined): void {
    const { globalTypes, log } = this.#options;
    if (config?.problem !== undefined) log(`${config.file} is not used: ${config.problem}`);
    const user = config?.options;
    const globals = ['index.d.ts', 'index.ts'].map((name) => join(globalTypes, name)).find(existsSync);
    if (globals === undefined) log(`no types for tf and display: ${globalTypes} has no index.d.ts`);
    const node = packageFolder(directory, '@types/node') ?? packageFolder(globalTypes, '@types/node');
    const helpers = `${directory}/${OWN_PREFIX}_helpers.d.ts`;
    const cells = [...this.#checks, ...this.#scratches];
    const declared = [...(globals ? [globals] : []), ...(node ? [join(node, 'index.d.ts')] : [])];
    this.#server.write(
      `${directory}/tsconfig.json`,
      projectText({
        directory,
        files: [helpers, ...declared, this.#history, ...cells],
        packages: this.#options.packages ?? kernelPackages(globalTypes),
        user,
      }),
    );
    this.#server.write(helpers, HELPERS + webAssemblyTypes(this.#findTsc(), user?.['lib']));
    this.#server.write(this.#history, this.#names.historyText());
    for (const path of cells) this.#server.write(path, `import * as ${HISTORY} from "./${HISTORY}"; ;\n`);
  }

  /**
   * The project and the history of the folder that counts now. The folder may change whenever the server is waited for;
   * then both are made anew, since the new folder's documents would have no project, and so no types of Node.
   */
  async #ready(): Promise<void> {
    for (;;) {
      this.#prepare();
      const { directory } = this.#project!;
      await this.#writeHistory();
      if (this.#directory === directory) return;
    }
  }

  /**
   * Brings the history up to date, as a change of its own: the server replaces one changed document in its project,
   * and builds the project anew for two.
   */
  async #writeHistory(): Promise<void> {
    const path = this.#history;
    if (this.#historyVersion === this.#names.version && this.#server.has(path)) return;
    this.#historyVersion = this.#names.version;
    this.#names.collect(new Set(this.#pending).add(this.#newest));
    this.#server.write(path, this.#names.historyText());
    const start = { line: 0, character: 0 };
    await this.#server.request(
      'textDocument/hover',
      { ...this.#document(path), position: start },
      DIAGNOSTICS_LIMIT_MS,
    );
  }

  #noticeFiles(imports: readonly string[], directory: string): void {
    this.#files.paths = readUserConfig(this.#directory)?.paths;
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
    // Who types goes first: checks of earlier cells wait until nobody does.
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

/**
 * `__After<D, E>`: a variable declared as D after it was last known as E, which only tells `null` and `undefined`
 * apart, since later cells may run again in any order. `__await`, `__iterate`: see history.ts.
 */
const HELPERS = `type __After<D, E> = Exclude<D, Exclude<null | undefined, E>>;
declare function __await<T>(value: T): Awaited<T>;
declare function __iterate<T>(values: AsyncIterable<T> | Iterable<T | PromiseLike<T>>): T[];
declare module 'npm:*';
`;

/** The folder, or the nearest one above it that is there: the server takes options from existing folders only. */
function existingFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Whether the cursor stands in a line that is for the kernel, or that may become one. */
function isBlanked(source: string, blanked: string, cursor: number): boolean {
  const start = source.lastIndexOf('\n', cursor - 1) + 1;
  const before = source.slice(start, cursor);
  if (/^\s*%{1,2}[\w-]*$/.test(before)) return true;
  return before.trim() !== '' && blanked.slice(start, cursor).trim() === '';
}

/** The native compiler of the `typescript` package that the kernel was installed with. */
function findTsc(): string {
  const name = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  return join(dirname(createRequire(typescript).resolve(name)), 'lib', 'tsc');
}

/** What a cell may import though the user has not installed it. */
function kernelPackages(globalTypes: string): Record<string, string> {
  const packages: Record<string, string> = {};
  const tfjs = ['tfjs', 'tfjs-core', 'tfjs-layers', 'tfjs-data', 'tfjs-converter'];
  // The runtime process resolves from the kernel's own packages when the notebook has none.
  for (const name of [...tfjs.map((part) => `@tensorflow/${part}`), ...kernelDependencies(globalTypes)]) {
    const folder = packageFolder(globalTypes, name);
    if (folder) packages[name] = folder;
  }
  const api = dirname(globalTypes);
  for (const [name, path] of [
    ['tensorcell', 'index'],
    ['tslab', '../display/tslab'],
  ] as const) {
    const file = ['.d.ts', '.ts'].map((ending) => join(api, path + ending)).find(existsSync);
    if (file) packages[name] = file;
  }
  return packages;
}

/** Names of the packages that the kernel was installed with. */
function kernelDependencies(globalTypes: string): string[] {
  for (let folder = dirname(globalTypes); dirname(folder) !== folder; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    return Object.keys(dependencies ?? {});
  }
  return [];
}
