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

/** The one argument of a compiled cell. Generated code calls no other code of the kernel. */
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
    /** The imported name and the module's specifier: if the module does not export it, each use throws. */
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
  /** `import.meta` of the notebook. */
  readonly meta: ImportMeta;
  readonly require: (specifier: string) => unknown;
  /** `module` of CommonJS: one for the notebook. */
  readonly module: { exports: unknown };
  /** Runs a line magic or `!command` in the kernel process; resolves to its value, if it has one. */
  magic(name: string, line: string, parts?: readonly InterpolatedPart[]): Promise<unknown>;
  /** `%time statement`: reports the time of what lies between the two calls. */
  timeStart(): unknown;
  timeEnd(token: unknown): void;
  /** The object of which the last expression calls `write`: results of a stream's methods are not shown. Returns the value. */
  receiver<T>(value: T): T;
  /** The value of the last expression, to be shown when the cell ends. */
  result(value: unknown): void;
}

/** Range of a command's line, braces included, and the value that takes its place unless computing it throws. */
export type InterpolatedPart = readonly [from: number, to: number, value: () => unknown];

/** A local TypeScript or JavaScript file, compiled for the runtime process's own module loader. */
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
   * The functions for `<a/>` and `<>`; or the package whose `jsx-runtime` has both (`jsx: react-jsx`). A `@jsx` comment
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
  /** Exported name -> name of a namespace that it comes from. A name that the namespace lacks was a type. */
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
