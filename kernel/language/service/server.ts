/**
 * TypeScript's language server as a child process: its documents, its requests with time limits, and a fresh process
 * when it dies. It is never waited for by anything but the requests themselves.
 */
import { extname } from 'node:path';
import type { ChildProcessByStdio } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import type { Readable, Writable } from 'node:stream';
import { startProcess } from '../../processes/start-process.ts';
import { continueStopped, isStopped } from '../../processes/stopped.ts';
import type { CancellationToken, MessageConnection } from 'vscode-jsonrpc/node';
import type { ServerAnswers, ServerMethod } from './server-answers.ts';
import { once } from '../../../src/base/once.ts';

const jsonRpc = once(() => import('vscode-jsonrpc/node'));

export interface LanguageServerOptions {
  /** Path of TypeScript's native `tsc`. */
  tscPath: () => string;
  directory: string;
  log: (message: string) => void;
  /** Tells the person, once an outage. */
  notify?: (text: string) => void;
}

/** Thrown for requests that got no answer: the server died, was too slow, or the request was overtaken. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  readonly code: 'died' | 'timeout' | 'stale' | 'disposed';

  constructor(code: 'died' | 'timeout' | 'stale' | 'disposed', method: string, options?: ErrorOptions) {
    super(`the TypeScript server gave no answer to ${method} (${code})`, options);
    this.code = code;
  }
}

interface Document {
  text: string;
  version: number;
}

interface Running {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  connection: MessageConnection;
  died: Promise<never>;
  /** Documents as this process knows them. */
  open: Map<string, string>;
}

/** So many deaths in so long a time, and the next start waits: 1 s, then twice as long after each death. */
const DEATHS = 3;
const DEATH_WINDOW_MS = 60_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** While a request waits, the server is looked at this often: a signal may have stopped it. */
const LOOK_MS = 1500;
/** So many requests in a row without an answer in time, and the server is replaced. */
const TIMEOUTS = 2;

const LANGUAGES: Readonly<Record<string, string>> = { '.tsx': 'typescriptreact', '.json': 'jsonc' };

const LONE_SURROGATES = /\p{Surrogate}/gu;

/** The editor settings that the server requests. Types are never fetched over the network. */
function setting(section: string | undefined): unknown {
  if (section === 'js/ts') {
    return {
      tsserver: { automaticTypeAcquisition: { enabled: false } },
      suggest: { autoImports: false },
      validate: { enabled: true },
    };
  }
  if (section === 'typescript' || section === 'javascript') {
    return {
      disableAutomaticTypeAcquisition: true,
      suggest: { autoImports: false },
      preferences: { importModuleSpecifierEnding: 'js' },
    };
  }
  return null;
}

export class LanguageServer {
  readonly #options: LanguageServerOptions;
  /** Paths to documents, in the order in which the server has to hear of them. */
  readonly #documents = new Map<string, Document>();
  #running: Promise<Running> | undefined;
  #deaths: number[] = [];
  #retry: NodeJS.Timeout | undefined;
  /** The person knows that there are no types for now. */
  #notified = false;
  #timeouts = 0;
  #disposed = false;
  #changedFiles: { uri: string; type: 1 | 2 | 3 }[] = [];

  constructor(options: LanguageServerOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }
  #child: ChildProcessByStdio<Writable, Readable, Readable> | undefined;

  /** Sets the text of a document; the server hears of it with the next request. */
  write(path: string, source: string): void {
    // Neither a NUL nor half a character survives the way to the server.
    const text = source.replaceAll('\0', ' ').replace(LONE_SURROGATES, '\ufffd');
    const known = this.#documents.get(path);
    if (known?.text === text) return;
    this.#documents.set(path, { text, version: (known?.version ?? 0) + 1 });
  }

  remove(path: string): void {
    this.#documents.delete(path);
  }

  has(path: string): boolean {
    return this.#documents.has(path);
  }

  /** A file on the disk that is new (1), changed (2) or gone (3): the server does not look by itself. */
  fileChanged(path: string, type: 1 | 2 | 3): void {
    this.#changedFiles.push({ uri: pathToFileURL(path).href, type });
  }

  start(): void {
    this.#ensure().catch(() => undefined);
  }

  /** Lets a server that died too often try again. */
  revive(): void {
    this.#deaths = [];
    clearTimeout(this.#retry);
  }

  /**
   * Sends what has changed, then asks. A request that died with the server is asked once more.
   * @throws NoAnswerError
   */
  async request<M extends ServerMethod>(
    method: M,
    parameters: unknown,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ServerAnswers[M]> {
    try {
      return await this.#request(method, parameters, timeoutMs, signal);
    } catch (error) {
      if (!(error instanceof NoAnswerError) || error.code !== 'died' || this.#disposed) throw error;
      return await this.#request(method, parameters, timeoutMs, signal);
    }
  }

  async #request<M extends ServerMethod>(
    method: M,
    parameters: unknown,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ServerAnswers[M]> {
    const { CancellationTokenSource } = await jsonRpc();
    const source = new CancellationTokenSource();
    let timer: NodeJS.Timeout | undefined;
    let overtaken: (() => void) | undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      const end = (code: 'timeout' | 'stale') => {
        source.cancel();
        reject(new NoAnswerError(code, method));
      };
      timer = setTimeout(() => {
        end('timeout');
        if (++this.#timeouts >= TIMEOUTS) this.#replace(`no answer to ${this.#timeouts} requests`);
      }, timeoutMs);
      timer.unref();
      if (signal?.aborted) end('stale');
      overtaken = () => end('stale');
      signal?.addEventListener('abort', overtaken);
    });
    ended.catch(() => undefined);
    try {
      return await Promise.race([this.#send(method, parameters, source.token), ended]);
    } finally {
      clearTimeout(timer);
      if (overtaken) signal?.removeEventListener('abort', overtaken);
      source.dispose();
    }
  }

  async #send<M extends ServerMethod>(
    method: M,
    parameters: unknown,
    token: CancellationToken,
  ): Promise<ServerAnswers[M]> {
    const running = await this.#ensure();
    this.#synchronize(running);
    let continued = false;
    const looking = setInterval(() => {
      if (continued && isStopped(running.child.pid)) this.#replace('it was stopped repeatedly');
      if (!continueStopped(running.child.pid)) return;
      continued = true;
      this.#options.log('language server: it was stopped by a signal and resumed');
    }, LOOK_MS);
    looking.unref();
    try {
      const answer = await Promise.race([
        running.connection.sendRequest<ServerAnswers[M]>(method, parameters, token),
        running.died,
      ]);
      this.#timeouts = 0;
      this.#notified = false;
      return answer;
    } catch (error) {
      if (error instanceof NoAnswerError) throw error;
      const { ConnectionError } = await jsonRpc();
      if (error instanceof ConnectionError || this.#running === undefined) {
        throw new NoAnswerError('died', method, { cause: error });
      }
      throw error;
    } finally {
      clearInterval(looking);
    }
  }

  /** Ends a server that does not answer; the next request starts another one. */
  #replace(why: string): void {
    this.#timeouts = 0;
    this.#options.log(`language server: replaced (${why})`);
    this.#child?.kill('SIGKILL');
  }

  #synchronize({ connection, open }: Running): void {
    const notify = (method: string, parameters: unknown) => {
      connection
        .sendNotification(method, parameters)
        .catch((error) => this.#options.log(`language server: ${method}: ${String(error)}`));
    };
    // Files first: what is opened below may import them.
    if (this.#changedFiles.length > 0) {
      notify('workspace/didChangeWatchedFiles', { changes: this.#changedFiles.splice(0) });
    }
    for (const path of open.keys()) {
      if (this.#documents.has(path)) continue;
      open.delete(path);
      notify('textDocument/didClose', { textDocument: { uri: pathToFileURL(path).href } });
    }
    const pending = [...this.#documents].filter(([path, { text }]) => open.get(path) !== text);
    for (const [path, { text, version }] of pending) {
      const uri = pathToFileURL(path).href;
      const languageId = LANGUAGES[extname(path)] ?? 'typescript';
      if (open.has(path)) {
        notify('textDocument/didChange', { textDocument: { uri, version }, contentChanges: [{ text }] });
      } else notify('textDocument/didOpen', { textDocument: { uri, languageId, version, text } });
      open.set(path, text);
    }
  }

  #ensure(): Promise<Running> {
    if (this.#disposed) return Promise.reject(new NoAnswerError('disposed', 'start'));
    if (!this.#running) {
      const recent = this.#deaths.filter((at) => Date.now() - at < DEATH_WINDOW_MS);
      this.#deaths = recent;
      if (this.#pause() > 0) return Promise.reject(new NoAnswerError('died', 'start'));
      const starting = this.#launch();
      this.#running = starting;
      starting.catch((error) => {
        if (this.#running === starting) this.#running = undefined;
        this.#died();
        this.#options.log(`language server: cannot start: ${String(error)}`);
      });
    }
    return this.#running;
  }

  /** How long the next start has to wait. */
  #pause(): number {
    const over = this.#deaths.length - DEATHS;
    if (over < 0) return 0;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** over, LONGEST_PAUSE_MS);
    return Math.max(0, (this.#deaths.at(-1) ?? 0) + pause - Date.now());
  }

  #died(): void {
    this.#deaths.push(Date.now());
    if (this.#pause() === 0 || this.#disposed) return;
    this.#startAfterPause();
    if (this.#notified) return;
    this.#notified = true;
    this.#options.notify?.(
      "TypeScript's language server keeps ending: type checks, completion and help pause and resume automatically.",
    );
  }

  /** A timer can fire before the clock says that its time is over: then it waits for the rest. */
  #startAfterPause(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#pause() > 0) this.#startAfterPause();
      else this.start();
    }, this.#pause());
    this.#retry.unref();
  }

  async #launch(): Promise<Running> {
    const { createMessageConnection, StreamMessageReader, StreamMessageWriter } = await jsonRpc();
    if (this.#disposed) throw new NoAnswerError('disposed', 'start');
    const child = startProcess(this.#options.tscPath(), ['--lsp', '--stdio'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A folder that exists whatever the user does; documents have absolute paths.
      cwd: '/',
      // A separate process group: an interrupt meant for a cell must not reach it.
      detached: true,
    }) as Running['child'];
    this.#child = child;
    const connection = createMessageConnection(
      new StreamMessageReader(child.stdout),
      new StreamMessageWriter(child.stdin),
    );
    const died = new Promise<never>((_resolve, reject) => {
      const end = (why: unknown) => {
        if (this.#child === child) {
          this.#child = undefined;
          this.#running = undefined;
          if (!this.#disposed) {
            this.#died();
            this.#options.log(`language server: gone (${String(why)})`);
          }
        }
        connection.dispose();
        reject(new NoAnswerError(this.#disposed ? 'disposed' : 'died', 'a request', { cause: why }));
      };
      child.once('error', end);
      child.once('exit', (code, signal) => end(signal ?? code));
    });
    died.catch(() => undefined);
    child.stdin.on('error', () => undefined);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4000);
      if (text.includes('panic')) this.#options.log(`language server: ${text}`);
    });
    connection.onError(([error]) => this.#options.log(`language server: ${String(error)}`));
    connection.onRequest('workspace/configuration', (asked: { items: { section?: string }[] }) =>
      asked.items.map(({ section }) => setting(section)),
    );
    connection.onRequest('client/registerCapability', () => null);
    connection.onRequest('client/unregisterCapability', () => null);
    connection.onRequest('workspace/diagnostic/refresh', () => null);
    connection.onRequest('window/workDoneProgress/create', () => null);
    connection.onNotification(() => undefined);
    connection.listen();
    const rootUri = pathToFileURL(this.#options.directory).href;
    await Promise.race([
      died,
      connection.sendRequest('initialize', {
        processId: process.pid,
        rootUri,
        workspaceFolders: [{ uri: rootUri, name: 'notebook' }],
        initializationOptions: { disablePushDiagnostics: true },
        capabilities: {
          general: { positionEncodings: ['utf-16'] },
          textDocument: {
            diagnostic: {},
            completion: { completionItem: { labelDetailsSupport: true } },
            hover: { contentFormat: ['markdown', 'plaintext'] },
            signatureHelp: {
              signatureInformation: {
                documentationFormat: ['markdown'],
                parameterInformation: { labelOffsetSupport: true },
                activeParameterSupport: true,
              },
            },
          },
          workspace: {
            configuration: true,
            // Claimed and not done: otherwise the server watches the notebook's whole folder tree itself. We tell it
            // what changed (imported-files.ts).
            didChangeWatchedFiles: { dynamicRegistration: true },
          },
        },
      }),
    ]);
    await connection.sendNotification('initialized', {});
    await connection.sendNotification('$/setTrace', { value: 'off' });
    return { child, connection, died, open: new Map() };
  }

  /** Ends the process; what was asked gets no answer. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#retry);
    const child = this.#child;
    await this.#running?.catch(() => undefined);
    this.#running = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }
}
