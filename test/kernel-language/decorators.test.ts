/** Decorators of both kinds, as tsconfig.json has them, in cells and local files. */
import { moduleCases } from './module-cases.ts';

const LEGACY = { experimentalDecorators: true, emitDecoratorMetadata: true };

/** As `reflect-metadata` has it, as far as decorators need it. */
const REFLECT = {
  'node_modules/reflect-shim/package.json': '{"name":"reflect-shim","types":"i.d.ts"}',
  'node_modules/reflect-shim/i.d.ts':
    'export {}; declare global { namespace Reflect { function metadata(key: string, value: unknown): any; function getMetadata(key: string, target: object, property?: string): any; } }',
  'node_modules/reflect-shim/index.js': `
    const all = new WeakMap();
    const key = (name, property) => name + '|' + String(property ?? '');
    Reflect.metadata = (name, value) => (target, property) => {
      if (!all.has(target)) all.set(target, new Map());
      all.get(target).set(key(name, property), value);
    };
    Reflect.getMetadata = (name, target, property) => {
      for (let at = target; at; at = Object.getPrototypeOf(at))
        if (all.get(at)?.has(key(name, property))) return all.get(at).get(key(name, property));
    };`,
};

/** Kinds of decorators that note how they were called. */
const NOTING = `
const seen: string[] = []
const note = (kind: string): any => (...args: any[]) => {
  seen.push(kind + args.length + ':' + String(args[1] ?? args[0].name) + (typeof args[2] === 'number' ? '#' + args[2] : typeof args[2]))
}
const sealed = (target: any) => class extends target { sealed = true } as any
const doubled = (_t: object, _k: string, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (n: number) => number
  descriptor.value = function (n: number) { return 2 * method.call(this, n) }
}`;

const DECORATED = `
@note('class')
@sealed
class Thing {
  @note('property') size: number = 3
  @note('accessor') get area(): number { return this.size ** 2 }
  constructor(@note('parameter') first?: string) {}
  @note('method') @doubled grow(@note('argument') by: number): number { return by + this.size }
  @note('static') static count = 1
}`;

const NOTES =
  "'property3:sizeundefined,accessor3:areaobject,argument3:grow#0,method3:growobject,static3:countundefined,parameter3:Thing#0,class1:undefined'";

/** Type -> what tsc 5.9 emits for it as design:type, under \`strict\`. */
const TYPES: [type: string, name: string][] = [
  ['string', 'String'],
  ['number', 'Number'],
  ['boolean', 'Boolean'],
  ['bigint', 'BigInt'],
  ['symbol', 'Symbol'],
  ['string[]', 'Array'],
  ['readonly string[]', 'Array'],
  ['[number, string]', 'Array'],
  ['Array<number>', 'Array'],
  ['ReadonlyArray<number>', 'Array'],
  ['Promise<void>', 'Promise'],
  ['Map<string, number>', 'Map'],
  ['Date', 'Date'],
  ['() => void', 'Function'],
  ['Function', 'Function'],
  ['object', 'Object'],
  ['{ a: 1 }', 'Object'],
  ['any', 'Object'],
  ['unknown', 'Object'],
  ['void', 'undefined'],
  ['null', 'undefined'],
  ['undefined', 'undefined'],
  ['never', 'undefined'],
  ['"a" | "b"', 'String'],
  ['1 | 2', 'Number'],
  ['-1', 'Number'],
  ['true', 'Boolean'],
  ['`x${string}`', 'String'],
  ['string | number', 'Object'],
  ['number | null', 'Object'],
  ['(string)', 'String'],
  ['string & { x: 1 }', 'Object'],
  ['keyof Date', 'Object'],
  ['typeof globalThis', 'Object'],
  ['Shape', 'Object'],
  ['Id', 'String'],
  ['Mode', 'String'],
  ['Pair<string>', 'Object'],
  ['Numbers', 'Number'],
  ['Words', 'String'],
  ['Mixed', 'Object'],
  ['Far', 'Number'],
  ['Other', 'Other'],
  ['Other | Other', 'Other'],
  ['Generic<string>', 'Generic'],
  ['T', 'Object'],
  ['Holder<T>', 'Holder'],
  ['Imported', 'Imported'],
  ['ImportedType', 'Object'],
  ['space.Inner', 'Inner'],
];

const TYPES_CELL = [
  "import 'reflect-shim'",
  "import { Imported, ImportedType } from './imported'",
  "import * as space from './imported'",
  'const T = class Wrong {}',
  'interface Shape { n: number }',
  'type Id = string',
  "type Mode = 'a' | 'b'",
  'type Pair<X> = [X, X]',
  'enum Numbers { A, B }',
  "enum Words { A = 'a' }",
  "enum Mixed { A = 'a', B = 1 }",
  'class Other {}',
  'class Generic<X> { x?: X }',
  'const d: any = () => {}',
  'class Holder<T> {',
  ...TYPES.map(([type], index) => `  @d p${index}!: ${type}`),
  '}',
  `Array.from({ length: ${TYPES.length} }, (_, at) => Reflect.getMetadata('design:type', Holder.prototype, 'p' + at)?.name).join()`,
].join('\n');

const IMPORTED = {
  'imported.ts':
    'export class Imported {}\nexport class Inner {}\nexport interface ImportedType { n: number }',
};

const PARAMETERS = `import 'reflect-shim'
class Dep {}
const d: any = () => {}
@d class Service<T> {
  constructor(private dep: Dep, name: string, x = 3, readonly y?: number, { z }: { z: number } = { z: 1 }, ...rest: Dep[]) {}
  @d method(a: number, b: T, ...c: string[]): Promise<string> { return null! }
  @d async later() {}
  @d none() {}
  @d of(): number { return 1 }
  @d get got(): Date { return null! }
  argument(@d a: boolean, b: Dep | null) {}
  @d plain = 5
}
@d class Empty {}
const names = (types: any): any => Array.isArray(types) ? types.map(names).join('+') : String(types?.name)
const meta = (key: string, property?: string) => names(Reflect.getMetadata('design:' + key, property ? Service.prototype : Service, property))
;[meta('paramtypes'), ...['method', 'later', 'none', 'of', 'argument'].map((name) => meta('paramtypes', name) + '>' + meta('returntype', name)), meta('type', 'got'), meta('type', 'plain'), meta('type', 'method'), names(Reflect.getMetadata('design:paramtypes', Empty))].join(' ')`;

const PARAMETER_TYPES =
  "'Dep+String+Object+Number+Object+Dep Number+Object+String>Promise >Promise >undefined >Number Boolean+Object>undefined Date Object Function undefined'";

moduleCases('legacy decorators', [
  {
    name: 'class, method, accessor, property and parameter decorators in a cell',
    options: LEGACY,
    cells: [
      NOTING,
      DECORATED,
      'const thing: any = new Thing()\n;[thing.grow(1), thing.sealed]',
      'seen.join()',
    ],
    result: NOTES,
  },
  {
    name: 'what they return counts, also in later cells',
    options: LEGACY,
    cells: ['const made: any = new Thing()\n;[made.grow(1), made.sealed, made.area]'],
    result: '[ 8, true, 9 ]',
  },
  {
    name: 'in a local file, by import and by require',
    options: LEGACY,
    files: {
      'decorated.ts': `${NOTING}${DECORATED.replace('class Thing', 'export class Thing')}\nexport { seen }`,
      'again.ts': `${NOTING}${DECORATED}\nmodule.exports = { seen, Thing }`,
    },
    cells: [
      "import { Thing as Imported, seen as noted } from './decorated'\nconst again = require('./again')\n;[noted.join() === seen.join(), again.seen.join() === seen.join(), (new Imported() as any).grow(1), (new again.Thing()).sealed]",
    ],
    result: '[ true, true, 8, true ]',
  },
  {
    name: 'design:type as tsc emits it',
    options: LEGACY,
    files: { ...REFLECT, ...IMPORTED },
    cells: ['enum Far { A, B }', TYPES_CELL],
    result: `'${TYPES.map(([, name]) => (name === 'undefined' ? '' : name)).join()}'`,
  },
  {
    name: 'design:paramtypes and design:returntype as tsc emits them',
    options: LEGACY,
    files: REFLECT,
    cells: [PARAMETERS],
    result: PARAMETER_TYPES,
  },
  {
    name: 'the same in a local file',
    options: LEGACY,
    files: {
      ...REFLECT,
      'meta.ts': PARAMETERS.replace("\n;[meta('para", "\nexport const all = [meta('para"),
    },
    cells: ["import { all } from './meta'\nall"],
    result: PARAMETER_TYPES,
  },
  {
    name: 'without strictNullChecks, null does not count',
    options: { ...LEGACY, strictNullChecks: false },
    files: REFLECT,
    cells: [
      "import 'reflect-shim'\nconst d: any = () => {}\nclass Loose { @d a: number | null; @d b?: string | undefined }\n;['a', 'b'].map((name) => Reflect.getMetadata('design:type', Loose.prototype, name).name).join()",
    ],
    result: "'Number,String'",
  },
  {
    name: 'without emitDecoratorMetadata there is no metadata',
    options: { experimentalDecorators: true },
    files: REFLECT,
    cells: [
      "import 'reflect-shim'\nconst d: any = () => {}\nclass Bare { @d a!: number }\nString(Reflect.getMetadata('design:type', Bare.prototype, 'a'))",
    ],
    result: "'undefined'",
  },
  {
    name: 'an accessor field with a decorator is refused, and the message says what to write',
    options: LEGACY,
    cells: ['const mark: any = () => {}\nclass Refused { @mark accessor size = 1 }'],
    error:
      /SyntaxError: `accessor` fields cannot have legacy decorators here: write a getter and a setter[\s\S]*class Refused \{ @mark accessor size = 1 \}\n\s+\|\s+\^{8}$/mu,
    types: /[\s\S]*/u,
  },
  {
    name: 'a standard decorator that throws gets a hint',
    options: LEGACY,
    cells: [
      'const standard: any = (value: any, context: any) => { context.addInitializer(() => {}) }\nclass Wrong { @standard method() {} }',
    ],
    error:
      /TypeError[\s\S]*hint: tsconfig\.json sets experimentalDecorators, so the decorator received \(target, key, descriptor\)/u,
  },
]);

const LIBRARY = {
  'node_modules/old-validator/package.json': '{"name":"old-validator","types":"i.d.ts"}',
  'node_modules/old-validator/i.d.ts':
    'export declare function IsInt(): any; export declare function Injectable(): any;',
  'node_modules/old-validator/index.js':
    'exports.IsInt = () => (target, key) => { target.constructor.fields = [key] }; exports.Injectable = () => (target, key, descriptor) => { descriptor.value = 1 }',
};

moduleCases('standard decorators', [
  {
    name: 'are what a folder without the option has',
    cells: [
      'const times = (method: any, context: ClassMethodDecoratorContext) => function (this: any) { return String(context.name).length * method.call(this) }\nclass Modern { @times four() { return 4 } }\nnew Modern().four()',
    ],
    result: '16',
  },
  {
    name: 'a legacy property decorator of a package that throws gets a hint',
    files: LIBRARY,
    cells: ["import { IsInt } from 'old-validator'\nclass Form { @IsInt() age!: number }"],
    error:
      /TypeError[\s\S]*at .*old-validator[\s\S]*hint: the decorator received the arguments of a standard decorator \(value, context\)[\s\S]*"experimentalDecorators": true/u,
    without: /applyDec/u,
  },
  {
    name: 'the same of a method, in a local file',
    files: {
      ...LIBRARY,
      'form.ts': "import { Injectable } from 'old-validator'\nexport class Form { @Injectable() go() {} }",
    },
    cells: ["import { Form } from './form'\nnew Form()"],
    error: /hint: the decorator received the arguments of a standard decorator/u,
  },
  {
    name: 'an error of anything else gets none',
    cells: ['class Plain { static x = (() => { throw new TypeError("mine") })() }'],
    error: /TypeError: mine/u,
    without: /hint/u,
  },
]);
