/**
 * What the parts of the kernel say to each other. This file imports nothing, holds (almost) only types, and is the
 * one thing that `session`, `language`, `host`, `magics` and `runtime` all know.
 *
 * Words: an *execution* is one run of one cell, a positive integer that the kernel process counts up and never uses
 * twice (also not after the runtime process was replaced). 0 stands for "no cell".
 */

// ---------------------------------------------------------------- values that are shown

/** MIME type -> value; binary formats are base64 text, JSON formats are plain values. */
export type MimeBundle = Record<string, unknown>;

export interface DisplayPayload {
  data: MimeBundle;
  metadata: Record<string, unknown>;
  /** Set when the display can be updated later. */
  displayId?: string;
  /** It shows a training: the kernel keeps the last one for `%training`. */
  training?: 'running' | 'ended';
}

export interface CellError {
  name: string;
  message: string;
  /** Lines as Jupyter shows them: ANSI colours allowed, no kernel frames, positions in the user's cell. */
  traceback: string[];
  /** What kind of failure it is, for programs: Python's side says so. */
  code?: string;
  /** One line of help, which the kernel process shows below the traceback unless the cell has shown one. */
  hint?: string;
  /** Why the cell ended, where that is not an error thrown by user code. */
  reason?: 'interrupted' | 'runtime-died' | 'syntax' | 'types';
}

// ---------------------------------------------------------------- compiled cells: what the compiler promises the runtime

/** How a name was declared, and so how later cells may use it. */
export type BindingKind = 'const' | 'let' | 'var' | 'function' | 'class' | 'import';

export interface Binding {
  name: string;
  kind: BindingKind;
  /** For imports: what was imported (`default`, `*`, or a name) and from where. */
  imported?: { specifier: string; name: string };
}

/** The one property of a name's box. It differs for each name, so that V8 keeps a number representation for each. */
export function boxKey(name: string): string {
  return `${name}$1`;
}

export interface CompiledCell {
  /** A script whose completion value is `(cell: CellContext) => unknown`, or the same but async. */
  code: string;
  /** Name under which V8 knows the script; traces that show it are mapped back. */
  filename: string;
  /** Source map (version 3, JSON) from `code` to the cell as the user typed it. */
  map: string;
  async: boolean;
  /** Names that the cell declares. One takes effect when `declare` has been called for it. */
  bindings: Binding[];
}

/** The one argument of a compiled cell. Generated code calls nothing else of ours. */
export interface CellContext {
  /** The box of a name that an earlier cell declared: an object whose property `boxKey(name)` holds the value. */
  box(name: string): Record<string, unknown>;
  /** The box of a name that this cell declares. As long as no cell has, reading it throws a ReferenceError. */
  open(name: string): Record<string, unknown>;
  /** The box of a name that this cell assigns and no cell has declared: it may be a global that only the run has. */
  fresh(name: string): Record<string, unknown>;
  /** The assignment that declares such a name, unless it is a global, which it then assigns. Returns the value. */
  introduce<T>(name: string, value: T): T;
  /** An object of which the cell reads an element with a negative number. Returns the object. */
  indexed<T>(value: T): T;
  /** The same for `var`, which has a value from the cell's start: the earlier one, or undefined. Returns the value. */
  hoist(name: string): unknown;
  /** A declaration was reached: `name` has this value from now on, in all cells. Returns the value. */
  declare<T>(name: string, value: T): T;
  /** The same for an import, which follows its module: `read` is called for each use. */
  link(
    name: string,
    namespace: object,
    read: () => unknown,
    /** What was imported from where: if the module does not export it, each use throws. */
    imported?: string,
    specifier?: string,
  ): void;
  /** A name that no earlier cell had when this code was compiled: a later cell's binding, else `global()`. */
  lookup(name: string, global: () => unknown): unknown;
  /** Assignment to such a name, or to one that was a constant when this code was compiled. */
  assign(name: string, value: unknown, global?: (value: unknown) => void): unknown;
  /** Awaits in a way that never continues once the execution was interrupted. */
  await<T>(value: T): Promise<Awaited<T>>;
  /** The same for `for await`. */
  iterate<T>(iterable: AsyncIterable<T> | Iterable<T>): AsyncIterable<T>;
  /**
   * Static and dynamic imports: the module's namespace. `attributes` as in `with { type: 'json' }`; rejects when the module
   * does not export one of `names`.
   */
  import(
    specifier: unknown,
    attributes?: Record<string, string>,
    names?: readonly string[],
  ): Promise<Record<string, unknown>>;
  /** What a name of a namespace means (`default` of a CommonJS module is its exports). */
  readonly meta: ImportMeta;
  readonly require: (specifier: string) => unknown;
  /** `module` of CommonJS: one for the notebook. */
  readonly module: { exports: unknown };
  /** Runs a line magic or `!command` in the kernel process; resolves to its value, if it has one. */
  magic(name: string, line: string, parts?: readonly InterpolatedPart[]): Promise<unknown>;
  /** `%time statement`: reports the time of what lies between the two calls. */
  timeStart(): unknown;
  timeEnd(token: unknown): void;
  /** What the last expression calls `write` of: what a stream's methods return is not shown. Returns the value. */
  receiver<T>(value: T): T;
  /** The value of the last expression, to be shown when the cell ends. */
  result(value: unknown): void;
}

/** Range of a command's line, braces included, and the value that takes its place unless computing it throws. */
export type InterpolatedPart = readonly [from: number, to: number, value: () => unknown];

/** A local TypeScript or JavaScript file, compiled for the runtime's own module loader. */
export interface CompiledModule {
  /** A script whose completion value is `(module: ModuleContext) => void`, async unless it was compiled for `require`. */
  code: string;
  filename: string;
  map: string;
  /** Specifiers imported statically, in order; they are loaded before the body runs. */
  imports: string[];
  /** It uses `module` or `exports`, and has no `export` of an ES module. */
  common: boolean;
}

/** A heavy local file, which the runtime process has a compiler process compile. */
export interface FileRequest {
  source: string;
  path: string;
  /** `now`: for `require`. */
  options: LoweringOptions & { now: boolean };
}

export type FileReply =
  | { ok: true; value: CompiledModule }
  | { ok: false; name: string; message: string; more: Record<string, unknown> };

/** How syntax that has a meaning at run time is compiled: what tsconfig.json says of it. */
export interface LoweringOptions {
  /** Decorators as TypeScript had them before 5.0 (`experimentalDecorators`); standard ones when left out. */
  decorators?: {
    /** Types for `Reflect.metadata` (`emitDecoratorMetadata`). */
    metadata: boolean;
    strictNullChecks: boolean;
  };
  /**
   * What `<a/>` calls, and what `<>` stands for; or the package whose `jsx-runtime` has both (`jsx: react-jsx`). A `@jsx` comment
   * in the source goes first.
   */
  jsx?: { factory: string; fragment: string } | { importSource: string };
  /** Fields are defined, as in JavaScript, and not assigned (`useDefineForClassFields`); true when left out. */
  defineFields?: boolean;
}

export interface ModuleContext {
  /** Defines exports as getters, so that bindings are live. */
  export(getters: Record<string, () => unknown>): void;
  /**
   * The namespace of a local module that a static import is about to load, as far as it is there: in a circle, functions
   * of the one are called while the other loads. Undefined for packages.
   */
  link?(specifier: string): Record<string, unknown> | undefined;
  /** `export * from`. */
  exportAll(namespace: Record<string, unknown>): void;
  /** Exported name -> name of a namespace that it comes from. What the namespace has not got was a type. */
  reexport?(namespace: Record<string, unknown>, names: Record<string, string>): void;
  /** Rejects when the module does not export one of `names`. */
  import(
    specifier: unknown,
    attributes?: Record<string, string>,
    names?: readonly string[],
  ): Promise<Record<string, unknown>>;
  /** The same at once, in code that was compiled for `require`. */
  importNow?(
    specifier: string,
    attributes?: Record<string, string>,
    names?: readonly string[],
  ): Record<string, unknown>;
  readonly meta: ImportMeta;
  readonly require: (specifier: string) => unknown;
  readonly module: { exports: unknown };
}

// ---------------------------------------------------------------- the compiler

export interface SourcePosition {
  /** Both count from 0; columns in UTF-16 code units. */
  line: number;
  column: number;
}

export interface SourceProblem {
  message: string;
  start: SourcePosition;
  end: SourcePosition;
}

/** Help with what people write who come from Python: one line each. */
export interface Slips {
  /** Names that the cell assigns and no cell has declared, which the assignment declares. */
  introduced: readonly string[];
  /** Such an assignment ends in `// 2`. */
  divides: boolean;
  /** For names, if the cell ends with an error because one is not defined. */
  undefined: Readonly<Record<string, string>>;
  /** About code that runs, and means something else in Python. */
  misread?: string;
}

export type CompileResult =
  | {
      ok: true;
      cell: CompiledCell;
      slips?: Slips;
      /** What the types see, where that is not the source. */
      typed?: TypedText;
    }
  | { ok: false; problem: SourceProblem; frame: string; hint?: string };

export type Completeness =
  | { status: 'complete' | 'invalid' | 'unknown' }
  | { status: 'incomplete'; indent: string };

/** Lines of the cell that are for the kernel and not TypeScript. */
export type CellParts =
  /** `%%name arguments` on the first line: the rest of the cell is the magic's body. */
  | { kind: 'cell-magic'; name: string; line: string; body: string }
  /** TypeScript, perhaps with `%magic` and `!command` lines in it. */
  | {
      kind: 'code';
      /** It begins with a brace and means an object (`{ a: 1 }.a`): TypeScript has to see it in parentheses. */
      isExpression?: true;
      magics: { name: string; line: string; at: SourcePosition; interpolates: boolean }[];
    };

export interface CellCompiler {
  split(source: string): CellParts;
  /** Pure but for the names it knows. `knownMagics` tells `%who` from a remainder operator. */
  compile(source: string, execution: number): CompileResult;
  /** Names of this execution that came into being; only now do later cells see them. */
  commit(execution: number, declared: readonly string[]): void;
  /** The runtime process was replaced: no names any more. */
  reset(): void;
  bindings(): readonly Binding[];
  isComplete(source: string): Completeness;
}

/** A cell's text, read for the types (kernel/language/service/reading.ts). */
export interface CellReading {
  /** As long as the source, with the kernel's lines blanked. */
  text: string;
  /** Nothing of it is TypeScript. */
  foreign: boolean;
  /** It has to stand in parentheses. */
  isExpression: boolean;
  /** What it declares and uses; only the service looks into it. */
  analysis: object;
}

/** What the types see of a cell: its source and, where it was read already, the reading. */
export interface TypedText {
  source: string;
  reading?: CellReading;
  /** What was put into it, in the order of the text: positions are those of the cell when it is taken out again. */
  insertions?: readonly { line: number; column: number; length: number }[];
}

export type Compilation = CompileResult & { typed: TypedText };

/**
 * The compiler as the session has it. Text that is long or may nest deeply is compiled in a separate process, so that the
 * kernel process answers meanwhile; what cannot be compiled within a time limit rejects with an error.
 */
export interface SessionCompiler extends Pick<CellCompiler, 'commit' | 'reset' | 'bindings'> {
  split(source: string, signal: AbortSignal): Promise<CellParts>;
  compile(source: string, execution: number, signal: AbortSignal): Promise<Compilation>;
  isComplete(source: string): Promise<Completeness>;
  /** What is being typed: 'light' when the service may read it itself, undefined when it cannot be read. */
  read(source: string): Promise<CellReading | 'light' | undefined>;
  dispose(): void;
}

// ---------------------------------------------------------------- the language service

export interface Diagnostic extends SourceProblem {
  severity: 'error' | 'warning';
  code: number;
  /** The execution whose cell it points into. */
  execution: number;
}

export interface CompletionItem {
  text: string;
  /** JupyterLab's `type`: function, method, variable, class, interface, keyword, module, property, magic, path… */
  type: string;
  signature?: string;
}

export interface Completions {
  items: CompletionItem[];
  /** The part of the source that an item replaces, in UTF-16 code units. */
  start: number;
  end: number;
}

export interface Inspection {
  /** Markdown: signature, then documentation. */
  markdown: string;
  text: string;
  /** The dotted path under the cursor (`model.layers`), so that the current value can be added; none in calls. */
  path?: string;
}

export interface LanguageService {
  /** Starts the server; everything below starts it too if that has not happened. */
  start(): void;
  /** A cell that runs now. Later cells see its declarations. */
  addCell(execution: number, source: string, reading?: CellReading): void;
  /**
   * What came of it: the names that came into being; an earlier declaration of the others is in force again. Types
   * and interfaces live on in any case, unless the cell did not run at all (`undefined`).
   */
  commit(execution: number, declared: readonly string[] | undefined): void;
  diagnostics(execution: number): Promise<Diagnostic[]>;
  complete(source: string, cursor: number): Promise<Completions>;
  inspect(source: string, cursor: number): Promise<Inspection | undefined>;
  setDirectory(path: string): void;
  reset(): void;
  dispose(): Promise<void>;
}

// ---------------------------------------------------------------- kernel process -> runtime process

export interface ExecuteRequest {
  type: 'execute';
  execution: number;
  cell: CompiledCell;
  silent: boolean;
  allowStdin: boolean;
}

/** `main` messages wait for the runtime's event loop; `control` messages are read by its control thread at once. */
export type MainMessage =
  | ExecuteRequest
  /** Each is an expression, compiled like a cell; answered by `evaluated`. */
  | { type: 'evaluate'; id: number; execution: number; expressions: Record<string, CompileResult> }
  /** The current value of a dotted path, without running getters; answered by `inspected`. */
  | { type: 'inspect'; id: number; path: string }
  | { type: 'directory'; path: string }
  | { type: 'environment'; name: string; value: string | undefined }
  /** Load TensorFlow now, since nothing else is going on. */
  | { type: 'preload' }
  | { type: 'magic-reply'; id: number; ok: true; value: unknown }
  | { type: 'magic-reply'; id: number; ok: false; error: CellError }
  /** A question about the runtime's own state (tensors, backend, memory); answered by `answered`. */
  | { type: 'ask'; id: number; question: string; argument: unknown }
  | CommMessage
  | { type: 'input-reply'; id: number; value: string | undefined; error?: string };

export type ControlMessage =
  | { type: 'interrupt' }
  /** For `prompt()` and `confirm()`, which block the runtime's main thread. */
  | { type: 'input-reply'; id: number; value: string | undefined; error?: string }
  | { type: 'shutdown' };

export interface SurroundingsChange {
  directory?: string;
  environment?: Record<string, string | null>;
}

export interface CommMessage {
  type: 'comm';
  action: 'open' | 'message' | 'close';
  id: string;
  target?: string;
  data: unknown;
  metadata?: Record<string, unknown>;
  buffers?: Uint8Array[];
  /** The cell that caused it; 0 when it came from the client. */
  execution: number;
}

// ---------------------------------------------------------------- runtime process -> kernel process, in order

export type RuntimeMessage =
  | { type: 'ready'; pid: number; node: string }
  | {
      type: 'stream';
      execution: number;
      name: 'stdout' | 'stderr';
      text: string;
      /**
       * The whole content of the message that clients get, JSON in UTF-8, when the runtime process has encoded it; `text` is then decoded
       * by each use.
       */
      content?: Buffer;
    }
  | { type: 'display'; execution: number; payload: DisplayPayload; update: boolean }
  | { type: 'clear'; execution: number; wait: boolean }
  | { type: 'result'; execution: number; payload: DisplayPayload }
  /** An error that ends no cell: an unhandled rejection, an exception in a timer. */
  | { type: 'late-error'; execution: number; error: CellError }
  /** Always the last message of an execution, also of an interrupted one. Native output was flushed before it. */
  | { type: 'done'; execution: number; declared: string[]; error?: CellError; hint?: string }
  | {
      type: 'evaluated';
      id: number;
      values: Record<string, { payload: DisplayPayload } | { error: CellError }>;
    }
  | { type: 'inspected'; id: number; found: boolean; summary?: string; typeName?: string }
  /** Cells have changed the folder or variables of the environment (null: removed). */
  | ({ type: 'surroundings' } & SurroundingsChange)
  | { type: 'answered'; id: number; value: unknown; error?: string }
  | { type: 'magic'; id: number; execution: number; name: string; line: string }
  /** Something that the kernel process does for the library (`python`); answered by `magic-reply`, ids are shared. */
  | { type: 'request'; id: number; execution: number; service: string; argument: unknown }
  /** `blocking`: the answer goes to the control thread. */
  | { type: 'input'; id: number; execution: number; prompt: string; password: boolean; blocking: boolean }
  | CommMessage;

// ---------------------------------------------------------------- the kernel's view of the runtime process

export type ExecuteOutcome = {
  declared: string[];
  /** Help about a cell that ran; that of an error is in the error. */
  hint?: string;
} & ({ status: 'ok' } | { status: 'error'; error: CellError });

/**
 * Where output goes. The host awaits each call before it reads on, so a sink that waits for a slow client slows the
 * writer at its source.
 */
export interface OutputSink {
  output(
    message: Exclude<RuntimeMessage, { type: 'done' | 'ready' | 'evaluated' | 'inspected' | 'answered' }>,
  ): void | Promise<void>;
}

export interface RuntimeHost {
  /** Starts the process; calls that need it wait for it. */
  start(): void;
  /** Runs one compiled cell. Never rejects: a death of the runtime is an outcome too, with the reason in words. */
  execute(request: Omit<ExecuteRequest, 'type'>): Promise<ExecuteOutcome>;
  evaluate(
    execution: number,
    expressions: Record<string, CompileResult>,
  ): Promise<Extract<RuntimeMessage, { type: 'evaluated' }>['values']>;
  /** Undefined when the runtime is busy and does not answer within the time limit. */
  inspect(path: string, timeoutMs: number): Promise<{ summary: string; typeName: string } | undefined>;
  ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown>;
  send(message: MainMessage): void;
  sendControl(message: ControlMessage): void;
  /** Ends what runs; every running execution ends with reason `interrupted`. Resolves when it has. */
  interrupt(): Promise<void>;
  /** Replaces the process by a fresh one. Running executions end with reason `runtime-died` and `why` as message. */
  restart(why: string): Promise<void>;
  readonly busy: boolean;
  readonly pid: number | undefined;
  /** Called whenever a fresh process has taken the place of one that died or was restarted. */
  onReplaced(listener: (why: string) => void): void;
  dispose(): Promise<void>;
}

// ---------------------------------------------------------------- Python beside TypeScript

/** What the kernel process knows of a cell that Python works for. */
export interface PythonCell {
  execution: number;
  /** The number in front of the cell. */
  count: number;
  /** The front end's own id of the request: widgets that capture output name it. */
  messageId: string;
  silent: boolean;
  allowStdin: boolean;
  /** Ends when the cell is interrupted. */
  signal: AbortSignal;
}

/** The ipykernels that belong to this kernel: one for each environment that was used. */
export interface PythonHost {
  /** Runs a cell's code; output goes under it. Resolves to the reply's payloads (a page to show). */
  run(code: string, cell: PythonCell): Promise<Record<string, unknown>[]>;
  /** Answers a request of the library (src/interop/python/requests.ts). */
  answer(request: unknown, cell: PythonCell): Promise<unknown>;
  /**
   * Asks the Python that is in use, if it runs, and does not wait longer than a person would: the content of its reply,
   * or undefined.
   */
  ask(type: string, content: Record<string, unknown>): Promise<Record<string, unknown> | undefined>;
  /** From the front end; false when the comm is not Python's. */
  comm(message: CommMessage, messageId: string): boolean;
  /** Ends what runs. Resolves when it has. */
  interrupt(): Promise<void>;
  dispose(): Promise<void>;
}

// ---------------------------------------------------------------- magics

/** Each call may be awaited: it resolves when the client can take more. */
export interface MagicOutput {
  stdout(text: string): void | Promise<void>;
  stderr(text: string): void | Promise<void>;
  display(payload: DisplayPayload, update?: boolean): void | Promise<void>;
}

export interface MagicContext {
  name: string;
  /** What follows the name on its line. */
  line: string;
  /** The cell below `%%name`. */
  body: string | undefined;
  execution: number;
  output: MagicOutput;
  /** Ends when the cell is interrupted. */
  signal: AbortSignal;
  session: MagicSession;
}

/** What a magic may do to the session. */
export interface MagicSession {
  readonly directory: string;
  setDirectory(path: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  setEnvironment(name: string, value: string | undefined): void;
  bindings(): readonly Binding[];
  /** Runs TypeScript as part of the same cell. */
  run(source: string): Promise<ExecuteOutcome>;
  ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown>;
  restartRuntime(why: string): Promise<void>;
  /** What the running training shows now, or the last one showed at its end; undefined when there was none. */
  training(): DisplayPayload | undefined;
  /** Runs Python as part of the same cell; the payloads of its reply. */
  runPython(code: string): Promise<Record<string, unknown>[]>;
  /** What src/interop/python/requests.ts lists. */
  askPython(request: unknown): Promise<unknown>;
  readonly settings: Settings;
}

export interface Settings {
  typecheck: 'warn' | 'error' | 'off';
}

export interface Magic {
  name: string;
  aliases?: readonly string[];
  /** `line`: `%name …`; `cell`: `%%name …` over a body. */
  kinds: readonly ('line' | 'cell')[];
  /** One line for `%lsmagic`. */
  summary: string;
  usage: string;
  /** Words that may follow, for completion. */
  complete?(line: string): readonly string[];
  /** Throws to make the cell fail. */
  run(context: MagicContext): unknown;
}

export interface MagicRegistry {
  get(name: string): Magic | undefined;
  all(): readonly Magic[];
  /** Runs it, or throws an error that names the nearest known magic. */
  run(context: MagicContext): Promise<unknown>;
  complete(source: string, cursor: number): Completions | undefined;
}
