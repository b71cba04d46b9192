/**
 * The documents of the server's project: its tsconfig.json, the helpers, the *history* with all cells of the past, the
 * *check* with the cell whose errors are requested, and the *scratch* with the text in the editor. The last two exist
 * in pairs, since `<T>x` and `<T>x</T>` cannot be in one language. They change one at a time, and all import the same:
 * so the server replaces one document in its project and does not build the project anew.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readUserConfig, type UserConfig } from '../../tsconfig/index.ts';
import { kernelPackages } from './kernel-packages.ts';
import type { CellNames } from './names.ts';
import { webAssemblyTypes } from './node-libraries.ts';
import { HISTORY, OWN_PREFIX } from './own-names.ts';
import { packageFolder, projectText } from './project.ts';
import type { LanguageServer } from './server.ts';

/** A document for TypeScript, and the same for TSX. */
export type DocumentPair = readonly [plain: string, jsx: string];

export interface DocumentsOptions {
  directory: string;
  server: LanguageServer;
  names: CellNames;
  globalTypes: string;
  packages: Readonly<Record<string, string>> | undefined;
  tsc: () => string;
  log: (message: string) => void;
}

/** The server may take this long to read a changed history. */
const HISTORY_LIMIT_MS = 60_000;

/**
 * `__After<D, E>`: a variable declared as D after it was last known as E, which only tells `null` and `undefined`
 * apart, since later cells may run again in any order. `__await`, `__iterate`: see history.ts.
 */
const HELPERS = `type __After<D, E> = Exclude<D, Exclude<null | undefined, E>>;
declare function __await<T>(value: T): Awaited<T>;
declare function __iterate<T>(values: AsyncIterable<T> | Iterable<T | PromiseLike<T>>): T[];
declare module 'npm:*';
`;

export class ServiceDocuments {
  readonly #options: DocumentsOptions;
  #directory: string;
  /** The folder that the server has the project of, and the tsconfig.json that it was made with. */
  #project: { directory: string; config: UserConfig | undefined } | undefined;
  #historyVersion = -1;

  constructor(options: DocumentsOptions) {
    this.#options = options;
    this.#directory = options.directory;
  }

  /** The folder whose documents count now. */
  get directory(): string {
    return this.#directory;
  }

  /** The documents move with the notebook's folder. */
  set directory(path: string) {
    if (path === this.#directory) return;
    for (const document of this.#all()) this.#options.server.remove(document);
    this.#directory = path;
    this.#project = undefined;
  }

  #pair(name: string): DocumentPair {
    const path = `${this.#directory}/${OWN_PREFIX}_${name}.ts`;
    return [path, `${path}x`];
  }

  get checks(): DocumentPair {
    return this.#pair('check');
  }

  get scratches(): DocumentPair {
    return this.#pair('scratch');
  }

  get #history(): string {
    return `${this.#directory}/${HISTORY}.ts`;
  }

  #all(): string[] {
    const own = ['tsconfig.json', `${OWN_PREFIX}_helpers.d.ts`].map((name) => `${this.#directory}/${name}`);
    return [...own, this.#history, ...this.checks, ...this.scratches];
  }

  /** The project's options and what is declared for every cell; once for a folder and a state of its tsconfig.json. */
  prepare(): void {
    const directory = this.#directory;
    const config = readUserConfig(directory);
    if (this.#project?.directory === directory && this.#project.config === config) return;
    this.#writeProject(directory, config);
    this.#project = { directory, config };
  }

  #writeProject(directory: string, config: UserConfig | undefined): void {
    const { globalTypes, log, names, packages, server, tsc } = this.#options;
    if (config?.problem !== undefined) log(`${config.file} is not used: ${config.problem}`);
    const user = config?.options;
    const globals = ['index.d.ts', 'index.ts'].map((name) => join(globalTypes, name)).find(existsSync);
    if (globals === undefined) log(`no types for tf and display: ${globalTypes} has no index.d.ts`);
    const node = packageFolder(directory, '@types/node') ?? packageFolder(globalTypes, '@types/node');
    const helpers = `${directory}/${OWN_PREFIX}_helpers.d.ts`;
    const cells = [...this.checks, ...this.scratches];
    const declared = [...(globals ? [globals] : []), ...(node ? [join(node, 'index.d.ts')] : [])];
    server.write(
      `${directory}/tsconfig.json`,
      projectText({
        directory,
        files: [helpers, ...declared, this.#history, ...cells],
        packages: packages ?? kernelPackages(globalTypes),
        user,
      }),
    );
    server.write(helpers, HELPERS + webAssemblyTypes(tsc(), user?.['lib']));
    server.write(this.#history, names.historyText());
    for (const path of cells) server.write(path, `import * as ${HISTORY} from "./${HISTORY}"; ;\n`);
  }

  /**
   * The project and the history of the folder that counts now. The folder may change whenever the server is waited for;
   * then both are made anew, since the new folder's documents would have no project, and so no types of Node.
   *
   * @param kept cells that stay in the history though no other cell needs them
   */
  async ready(kept: () => Set<number>): Promise<void> {
    for (;;) {
      this.prepare();
      const directory = this.#directory;
      await this.#writeHistory(kept);
      if (this.#directory === directory) return;
    }
  }

  /**
   * Brings the history up to date, as a separate change: the server replaces one changed document in its project,
   * and builds the project anew for two.
   */
  async #writeHistory(kept: () => Set<number>): Promise<void> {
    const { names, server } = this.#options;
    const path = this.#history;
    if (this.#historyVersion === names.version && server.has(path)) return;
    this.#historyVersion = names.version;
    names.collect(kept());
    server.write(path, names.historyText());
    const start = { line: 0, character: 0 };
    await server.request('textDocument/hover', { ...documentOf(path), position: start }, HISTORY_LIMIT_MS);
  }
}

/** A document as the server's questions name it. */
export function documentOf(path: string): { textDocument: { uri: string } } {
  return { textDocument: { uri: pathToFileURL(path).href } };
}

/** The folder, or the nearest one above it that is there: the server takes options from existing folders only. */
export function existingFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
