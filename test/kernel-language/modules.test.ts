/** Modules as people write them: what the type check says and what the run does agree. */
import { META, moduleCases } from './module-cases.ts';

const PATHS = { paths: { '@app/*': ['./src/app/*'], '@one': ['./src/one.ts'] } };
const APP = {
  'src/app/area.ts': 'export const area = (r: number): number => 3 * r * r;',
  'src/app/deep/index.ts': "import { area } from '@app/area';\nexport const twice = 2 * area(1);",
  'src/one.ts': 'export const one = 1;\nexport default class One { n = one }',
};

moduleCases('paths and baseUrl of tsconfig.json', [
  {
    name: 'a static import',
    options: PATHS,
    files: APP,
    cells: [
      "import { area } from '@app/area'\nimport One, { one } from '@one'\n;[area(2), one, new One().n]",
    ],
    result: '[ 12, 1, 1 ]',
  },
  {
    name: 'a folder with an index, and an alias in a local file',
    options: PATHS,
    files: APP,
    cells: ["import { twice } from '@app/deep'\ntwice"],
    result: '6',
  },
  {
    name: 'import(), require and require.resolve',
    options: PATHS,
    files: APP,
    cells: [
      "const late = await import('@app/area')\n;[late.area(1), require('@app/area').area(2), require.resolve('@one').endsWith('one.ts')]",
    ],
    result: '[ 3, 12, true ]',
  },
  {
    name: 'import() and require in a local file',
    options: PATHS,
    files: {
      ...APP,
      'lib.ts':
        "export const late = async (): Promise<number> => (await import('@app/area')).area(1)\nexport const now: number = require('@one').one",
    },
    cells: ["import { late, now } from './lib'\n;[await late(), now]"],
    result: '[ 3, 1 ]',
  },
  {
    name: 'in a local CommonJS file that Node runs',
    options: PATHS,
    files: {
      ...APP,
      'old.cjs': "exports.three = 2 + require('@one').one; exports.f = require('./src/app/area').area",
    },
    cells: ["const old = require('./old.cjs')\n;[old.three, old.f(1)]"],
    result: '[ 3, 3 ]',
  },
  {
    name: 'import() in a local CommonJS file: an alias, a TypeScript file, JSON, a package, a module of Node, a name that is computed',
    options: PATHS,
    files: {
      ...APP,
      'numbers.json': '{"n":4}',
      'node_modules/pkg/package.json': '{"name":"pkg","types":"i.d.ts"}',
      'node_modules/pkg/index.js': 'exports.p = "package"',
      'node_modules/pkg/i.d.ts': 'export declare const p: string;',
      'late.cjs': `'use strict'
const text = "import('nothing')" // import('nothing')
const own = { import(x) { return x } }
exports.all = async (name) => [
  (await import('@app/area')).area(1), (await import('./src/one')).one,
  (await import('./numbers.json', { with: { type: 'json' } })).default.n, (await import('pkg')).p,
  (await import('node:path')).sep, (await import(name)).one, own.import(5), text.length,
]
exports.missing = () => import('@app/none')`,
      'late.js': "exports.area = async () => (await import('@app/area')).area(1)",
    },
    cells: [
      "const late = require('./late.cjs')\n;[await late.all('@one'), await require('./late.js').area(), await late.missing().catch((e: any) => e.name)]",
    ],
    result: "[ [ 3, 1, 4, 'package', '/', 1, 5, 17 ], 3, 'ModuleNotFoundError' ]",
  },
  {
    name: 'an error behind import() in a local CommonJS file is at its column',
    options: PATHS,
    files: {
      ...APP,
      'wrong.cjs': "exports.wrong = async () => { await import('@one'); throw new Error('behind') }",
    },
    cells: ["await require('./wrong.cjs').wrong()"],
    error: /Error: behind[\s\S]*wrong\.cjs:1:59/u,
  },
  {
    name: 'the first candidate that is there, also by a pattern with a longer beginning and an ending',
    options: {
      paths: {
        '*': ['./none/*'],
        'x/*': ['./a/*', './b/*', './c/*'],
        'x/special/*': ['./s/*'],
        'y-*-z': ['./b/*'],
        exact: ['./missing', './c/exact'],
      },
    },
    files: {
      'b/n.ts': 'export const where = "b";',
      'c/n.ts': 'export const where = "c";',
      'c/exact.ts': 'export const where = "exact";',
      's/n.ts': 'export const where = "s";',
    },
    cells: [
      "import * as b from 'x/n'\nimport * as s from 'x/special/n'\nimport * as y from 'y-n-z'\nimport * as e from 'exact'\n;[b, s, y, e].map(({ where }) => where).join()",
    ],
    result: "'b,s,b,exact'",
  },
  {
    name: 'baseUrl alone, with a package and a module of Node in the same cell',
    options: { baseUrl: './src' },
    files: {
      ...APP,
      'node_modules/pkg/package.json': '{"name":"pkg","types":"i.d.ts"}',
      'node_modules/pkg/index.js': 'exports.p = "package"',
      'node_modules/pkg/i.d.ts': 'export declare const p: string;',
    },
    cells: [
      "import { one } from 'one'\nimport { area } from 'app/area'\nimport { p } from 'pkg'\nimport { sep } from 'path'\n;[one, area(1), p, sep]",
    ],
    result: "[ 1, 3, 'package', '/' ]",
  },
  {
    name: 'baseUrl with paths that start there, and names that only baseUrl has',
    options: { baseUrl: './src', paths: { '@app/*': ['app/*'] } },
    files: APP,
    cells: ["import { area } from '@app/area'\nimport { one } from 'one'\n;[area(1), one]"],
    result: '[ 3, 1 ]',
  },
  {
    name: 'in files that it extends: a path, a package, a list; paths start where they are written',
    files: {
      ...APP,
      'tsconfig.json':
        '{ // comments and commas\n "extends": ["./configs/paths.json", "shared-config", "./configs/strict"], }',
      'configs/paths.json': JSON.stringify({ compilerOptions: { paths: { '#lib/*': ['../src/app/*'] } } }),
      'configs/strict.json': '{ "compilerOptions": { "strict": false } }',
      'node_modules/shared-config/package.json': '{"name":"shared-config"}',
      'node_modules/shared-config/tsconfig.json': '{ "compilerOptions": { "noImplicitAny": false } }',
    },
    cells: ["import { area } from '#lib/area'\nconst n: number = null\narea(1)"],
    result: '3',
  },
  {
    name: '${configDir} in a file that it extends',
    files: {
      ...APP,
      'tsconfig.json': '{ "extends": "./configs/base.json" }',
      'configs/base.json': JSON.stringify({
        compilerOptions: { paths: { 'lib/*': ['${configDir}/src/app/*'] } },
      }),
    },
    cells: ["import { area } from 'lib/area'\narea(1)"],
    result: '3',
  },
  {
    name: 'an alias for declarations leaves the code to the package',
    options: { paths: { typed: ['./types/typed.d.ts'] } },
    files: {
      'types/typed.d.ts': 'export declare const t: number;',
      'node_modules/typed/package.json': '{"name":"typed"}',
      'node_modules/typed/index.js': 'exports.t = 4',
    },
    cells: ["import { t } from 'typed'\nconst n: number = t\nn"],
    result: '4',
  },
  {
    name: 'a type that comes by an alias is checked',
    options: PATHS,
    files: APP,
    cells: ["import { area } from '@app/area'\nconst wrong: string = area(1)\nwrong"],
    result: '3',
    types: /2:7.*'number' is not assignable to type 'string'/u,
  },
  {
    name: 'an alias that leads nowhere: the files that were tried, and no %install',
    options: { paths: { '@app/*': ['./src/app/*', './lib/*'] } },
    cells: ["import { x } from '@app/nope'"],
    error:
      /cannot find '@app\/nope': tsconfig\.json maps '@app\/\*' to files, and none of them exists; tried .*src\/app\/nope, .*lib\/nope/u,
    without: /%install/u,
    types: /Cannot find module '@app\/nope'/u,
  },
  {
    name: 'the same of require',
    options: { paths: { 'some-lib/*': ['./lib/*'] } },
    cells: ["require('some-lib/x')"],
    error: /tsconfig\.json maps 'some-lib\/\*' to files, .*tried .*lib\/x/u,
    without: /%install/u,
  },
  {
    name: 'a name that no package can have',
    cells: ["import { x } from '@/components/x'"],
    error:
      /cannot find '@\/components\/x': this is not the name of a package; for an alias, add it to "paths" in the tsconfig\.json/u,
    without: /%install/u,
    types: /Cannot find module/u,
  },
  {
    name: 'rootDirs and customConditions',
    options: { rootDirs: ['.', './generated'], customConditions: ['mine'] },
    files: {
      'generated/made.ts': 'export const made = 8;',
      'node_modules/conditional/package.json':
        '{"name":"conditional","exports":{"mine":{"types":"./mine.d.ts","default":"./mine.js"},"default":"./other.js"}}',
      'node_modules/conditional/mine.js': 'exports.which = "mine"',
      'node_modules/conditional/mine.d.ts': 'export declare const which: string;',
      'node_modules/conditional/other.js': 'exports.other = 1',
    },
    cells: ["import { made } from './made'\nimport { which } from 'conditional'\n;[made, which]"],
    result: "[ 8, 'mine' ]",
  },
  {
    name: 'below baseUrl, a package may be meant',
    options: { baseUrl: './src' },
    cells: ["import { x } from 'not-there'"],
    error:
      /no file .*src\/not-there \(baseUrl of tsconfig\.json\) and no package 'not-there'; a package is installed with {2}%install not-there/u,
    types: /Cannot find module/u,
  },
]);

moduleCases('Packages that were compiled to ES5', [
  {
    name: 'a layer of such a package trains',
    files: {
      'node_modules/old-layers/package.json': '{"name":"old-layers"}',
      'node_modules/old-layers/index.js': `var tf = require('@tensorflow/tfjs');
var Doubled = (function (_super) {
  Object.setPrototypeOf(Doubled, _super);
  function Parent() { this.constructor = Doubled; }
  Parent.prototype = _super.prototype;
  Doubled.prototype = new Parent();
  function Doubled(args) { var _this = _super.call(this, args) || this; _this.factor = 2; return _this; }
  Doubled.prototype.call = function (x) { return tf.mul(Array.isArray(x) ? x[0] : x, this.factor); };
  Doubled.className = 'OldDoubled';
  return Doubled;
}(tf.layers.Layer));
tf.serialization.registerClass(Doubled);
exports.Doubled = Doubled;`,
    },
    cells: [
      `const { Doubled } = require('old-layers')
const model = tf.sequential({ layers: [new Doubled({ inputShape: [1] }), tf.layers.dense({ units: 1, kernelInitializer: 'ones' })] })
model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
const { history } = await model.fit(tf.ones([4, 1]), tf.ones([4, 1]), { epochs: 3, verbose: 0 })
;[history.loss.length, history.loss[0]]`,
    ],
    result: '[ 3, 1 ]',
  },
]);

moduleCases('CommonJS in cells and local files', [
  {
    name: 'module, exports, require.main and the names of the file in a cell',
    cells: [
      "exports.a = 1\nmodule.exports.b = 2\nif (require.main === module) exports.main = true\n;[module.exports.a, exports.b, exports.main, __dirname === process.cwd(), __filename.startsWith(__dirname), typeof require.cache, require.resolve('fs'), module.id].join()",
    ],
    result: "'1,2,true,true,true,object,fs,.'",
  },
  {
    name: 'exports = module.exports = …',
    cells: ['exports = module.exports = { f: () => 5 }\nmodule.exports.f() + exports.f()'],
    result: '10',
  },
  {
    name: 'process.argv[1]',
    cells: [
      "process.argv.length + ',' + require('node:path').isAbsolute(process.argv[1]!) + ',' + process.argv.slice(2).length",
    ],
    result: "'2,true,0'",
  },
  {
    name: 'a .ts file with module.exports, by require, import() and import = require()',
    files: {
      'common.ts': 'enum E { A = 4 }\nmodule.exports = { four: E.A, twice: (n: number): number => 2 * n }',
    },
    cells: [
      "import again = require('./common')\nconst common = require('./common')\n;[common.four, common.twice(4), again === common, require('./common.ts') === common, (await import('./common' as string)).default === common]",
    ],
    result: '[ 4, 8, true, true, true ]',
  },
  {
    name: 'a .ts file that exports names by exports.name',
    files: { 'names.ts': 'exports.a = 1\nfunction f(): number { return exports.a + 1 }\nexports.f = f' },
    cells: ["const { a, f } = require('./names')\n;[a, f()]"],
    result: '[ 1, 2 ]',
  },
  {
    name: 'require of an ES module in TypeScript, which imports others',
    files: {
      'es.ts':
        "import { b } from './b.ts'\nimport os from 'node:os'\nexport const a = b + 1\nexport default typeof os.cpus",
      'b.ts': 'export const b = 1',
    },
    cells: [
      "const es = require('./es')\n;[es.a, es.default, (await import('./es')).a, require('./es') === es]",
    ],
    result: "[ 2, 'function', 2, true ]",
  },
  {
    name: 'import with require and module.exports in one file',
    files: {
      'mixed.ts':
        "import { sep } from 'node:path'\nconst os = require('node:os')\nmodule.exports = { sep, has: typeof os.cpus, isMain: require.main === module, here: __filename.slice(__dirname.length) }",
    },
    cells: ["require('./mixed')"],
    result: "{ sep: '/', has: 'function', isMain: false, here: '/mixed.ts' }",
  },
  {
    name: 'require with import in a cell',
    files: { 'data.json': '{ "n": 3 }' },
    cells: [
      "import { readFileSync } from 'node:fs'\nconst path = require('node:path')\nreadFileSync(path.join(__dirname, 'data.json'), 'utf8').length + require('./data.json').n",
    ],
    result: '13',
  },
  {
    name: '.cts with import = and export =, and .cjs',
    files: {
      'c.cts':
        "import path = require('node:path')\nimport dep = require('./d.cjs')\nexport = { sep: path.sep, dep: dep.d as number }",
      'd.cjs':
        'exports.d = 7; exports.file = __filename.endsWith("d.cjs"); exports.self = module.exports === this',
    },
    cells: [
      "import c = require('./c.cts')\nimport d, { d as seven, file, self } from './d.cjs'\n;[c.sep, c.dep, d.d, seven, file, self]",
    ],
    result: "[ '/', 7, 7, 7, true, true ]",
  },
  {
    name: 'require.cache: a deleted entry is loaded again',
    files: {
      'count.ts': 'const g = globalThis as any\ng.loads = (g.loads ?? 0) + 1\nmodule.exports = g.loads',
    },
    cells: [
      "const once = [require('./count'), require('./count')]\nconst file = require.resolve('./count')\nconst has = file in require.cache\ndelete require.cache[file]\n;[...once, has, require('./count')]",
    ],
    result: '[ 1, 1, true, 2 ]',
  },
  {
    name: 'a circle of CommonJS files sees what is there so far',
    files: {
      'x.ts': "exports.early = 'x'\nconst y = require('./y')\nexports.fromY = y.seen",
      'y.ts': "exports.seen = require('./x').early",
    },
    cells: ["require('./x').fromY"],
    result: "'x'",
  },
  {
    name: 'a CommonJS file of Node requires TypeScript without its extension',
    files: {
      'main.cjs': "exports.n = require('./part').n; exports.e = require('./later').e",
      'part.ts': 'module.exports = { n: 6 as number }',
      'later.ts': 'export const e = 2',
    },
    cells: ["import main from './main.cjs'\n;[main.n, main.e]"],
    result: '[ 6, 2 ]',
  },
  {
    name: 'a file whose top level awaits cannot be required',
    files: { 'late.ts': 'export const a = await 1' },
    cells: ["require('./late')"],
    error: /require\(\) cannot load a module with top-level await: use import\(\)/u,
  },
  {
    name: 'names that the user declares go first',
    cells: ['const module = 1, exports = 2\n;[module, exports]', 'const f = () => [module, exports]\nf()'],
    result: '[ 1, 2 ]',
  },
]);

const COMPILED = {
  'node_modules/compiled/package.json': '{"name":"compiled","types":"i.d.ts"}',
  'node_modules/compiled/index.js':
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = function made() { return "made" }; exports.named = 1',
  'node_modules/compiled/i.d.ts':
    'export default function made(): string; export declare const named: number;',
};
const PLAIN = {
  'node_modules/plain/package.json': '{"name":"plain","types":"i.d.ts"}',
  'node_modules/plain/index.js':
    'function plain() { return "called" } plain.version = 2; module.exports = plain',
  'node_modules/plain/i.d.ts':
    'declare function plain(): string; declare namespace plain { const version: number; } export = plain;',
};

moduleCases('esModuleInterop', [
  {
    name: 'default of a module that was compiled from an ES module',
    files: COMPILED,
    cells: [
      "import made, { named } from 'compiled'\nimport * as all from 'compiled'\n;[made(), named, all.default(), all.named]",
    ],
    result: "[ 'made', 1, 'made', 1 ]",
  },
  {
    name: 'default of a CommonJS module',
    files: PLAIN,
    cells: [
      "import plain, { version } from 'plain'\nimport * as all from 'plain'\nimport same = require('plain')\n;[plain(), version, all.version, same === plain, same()]",
    ],
    result: "[ 'called', 2, 2, true, 'called' ]",
  },
  {
    name: 'the namespace of a CommonJS function cannot be called',
    files: PLAIN,
    cells: ["import * as all from 'plain'\nall()"],
    error: /TypeError: .*all is not a function/u,
    types: /not callable/u,
  },
  {
    name: 'in local files, by import and by require',
    files: {
      ...COMPILED,
      ...PLAIN,
      'both.ts':
        "import made from 'compiled'\nimport plain, { version } from 'plain'\nexport const all = [made(), plain(), version]",
    },
    cells: ["import { all } from './both'\nall.join() + require('./both').all.join()"],
    result: "'made,called,2made,called,2'",
  },
  {
    name: 'import() as import * as',
    files: { ...COMPILED, ...PLAIN },
    cells: [
      "const [a, b] = [await import('compiled'), await import('plain')]\n;[a.default(), b.default(), b.version]",
    ],
    result: "[ 'made', 'called', 2 ]",
  },
  {
    name: 'the default of a compiled module that has none is the whole',
    files: {
      'node_modules/none/package.json': '{"name":"none","types":"i.d.ts"}',
      'node_modules/none/index.js': 'exports.__esModule = true; exports.alpha = 1',
      'node_modules/none/i.d.ts': 'export declare const alpha: number;',
    },
    cells: ["import none from 'none'\nnone.alpha"],
    result: '1',
  },
]);

const SHAPES = {
  'shapes.ts':
    'export const area = 1, perimeter = 2, volume = 3\nexport interface Box { n: number }\nexport type Id = string',
};

moduleCases('names that a module does not export', [
  {
    name: 'of a local file, read in the cell',
    files: SHAPES,
    cells: ["import { aera } from './shapes'\naera"],
    error:
      /SyntaxError: the module '\.\/shapes' has no export named 'aera': did you mean 'area'\? It exports area, /u,
    types: /has no exported member .*'aera'/u,
  },
  {
    name: 'of a local file, read in a later cell',
    files: SHAPES,
    cells: ["import { aera as late } from './shapes'", 'late'],
    error: /SyntaxError: the module '\.\/shapes' has no export named 'aera': did you mean 'area'\?/u,
  },
  {
    name: 'the default of a file that has none',
    files: SHAPES,
    cells: ["import shapes from './shapes'\nshapes.area"],
    error:
      /the module '\.\/shapes' has no default export; it exports area, perimeter, volume: write {2}import \{ area \} from '\.\/shapes'/u,
    types: /no default export|has no default/u,
  },
  {
    name: 'a name of a file that has a default only',
    files: { 'only.ts': 'export default class Only {}' },
    cells: ["import { Only } from './only'\nnew Only()"],
    error: /no export named 'Only'; it has a default export only: write {2}import Only from '\.\/only'/u,
    types: /no exported member|Did you mean to use 'import Only/u,
  },
  {
    name: 'in a local file, which is named',
    files: { ...SHAPES, 'user.ts': "import { volumee } from './shapes'\nexport const v = () => volumee" },
    cells: ["import { v } from './user'\nv()"],
    error:
      /the module '\.\/shapes' has no export named 'volumee' \(imported by user\.ts\): did you mean 'volume'\?/u,
  },
  {
    name: 'of a CommonJS package and of a module of Node',
    files: PLAIN,
    cells: ["import { readFilSync } from 'node:fs'\nreadFilSync"],
    error:
      /the module 'node:fs' has no export named 'readFilSync': did you mean 'readFileSync'\? It exports readFileSync, .* \(\d+ names\)/u,
    types: /no exported member/u,
  },
  {
    name: 'of a CommonJS package',
    files: PLAIN,
    cells: ["import { versoin } from 'plain'\nversoin"],
    error: /the module 'plain' has no export named 'versoin': did you mean 'version'\?/u,
    types: /no exported member/u,
  },
  {
    name: 'types need no value: in a cell, in a file, exported again',
    files: {
      ...SHAPES,
      'again.ts':
        "import { Box, area } from './shapes'\nexport { Id } from './shapes'\nexport { Box }\nexport const box: Box = { n: area }",
    },
    cells: ["import { Box, Id, box } from './again'\nconst mine: Box = box, id: Id = 'a'\nmine.n + id"],
    result: "'1a'",
  },
  {
    name: 'a circle of files is no mistake',
    files: {
      'one.ts':
        "import { two } from './two'\nexport * from './two'\nexport const one = (): number => two() - 1",
      'two.ts':
        "import { one } from './one'\nexport const two = (): number => 2\nexport const both = (): number => one() + two()",
    },
    cells: ["import { both, one } from './one'\nboth() + one()"],
    result: '4',
  },
  {
    name: `${META} and import attributes still work`,
    files: { 'data.json': '{ "n": 3 }' },
    cells: [`import data from './data.json' with { type: 'json' }\ndata.n + typeof ${META}.url`],
    result: "'3string'",
  },
]);

const JSX_PACKAGE = {
  'node_modules/views/package.json': '{"name":"views"}',
  'node_modules/views/jsx-runtime.d.ts':
    'export namespace JSX { interface IntrinsicElements { [name: string]: any } interface Element { tag: unknown; props: any } }\nexport const jsx: any, jsxs: any, Fragment: any',
  'node_modules/views/jsx-runtime.js':
    'exports.jsx = exports.jsxs = (tag, props) => ({ tag, props }); exports.Fragment = "all"',
};
const AUTOMATIC = { jsx: 'react-jsx', jsxImportSource: 'views' };

moduleCases('JSX', [
  {
    name: 'jsx: react-jsx takes the functions of the package that jsxImportSource names',
    files: JSX_PACKAGE,
    options: AUTOMATIC,
    cells: ['const view = <p class="a">text</p>', '[view.tag, view.props.children, (<><i/><b/></>).tag]'],
    result: "[ 'p', 'text', 'all' ]",
  },
  {
    name: 'also in local files, by import and by require',
    files: { ...JSX_PACKAGE, 'page.tsx': 'export const page = <p>file</p>' },
    options: AUTOMATIC,
    cells: ["import { page } from './page.tsx'\n;[page.props.children, require('./page.tsx').page.tag]"],
    result: "[ 'file', 'p' ]",
  },
  {
    name: 'a package that is not there is an error that names it',
    options: { jsx: 'react-jsx', jsxImportSource: 'no-such-views' },
    cells: ['const none = <p/>'],
    error: /cannot find package 'no-such-views'/u,
    types: /no-such-views\/jsx-runtime/u,
  },
]);

moduleCases('an import that fails is reported at its own line', [
  {
    name: 'of a name, in a list of several lines',
    files: { 'ok.ts': 'export const fine = 1' },
    cells: ["const first = 1\n\nimport {\n  fin,\n} from './ok'\nfin"],
    error: /> 3 \| import \{[^]*at async cell \d+:3:1/u,
    types: /has no exported member/u,
  },
  {
    name: 'of a package, behind other imports',
    cells: ["import { join } from 'node:path'\nconst used = join('a')\nimport none from 'not-there'\nnone"],
    error: /> 3 \| import none from 'not-there'[^]*at cell \d+:3:1/u,
    types: /not-there/u,
  },
  {
    name: 'of a file',
    cells: ["const second = 1\nexport { gone } from './gone'"],
    error: /> 2 \| export \{ gone \} from '\.\/gone'[^]*at cell \d+:2:1/u,
    types: /gone/u,
  },
  {
    name: 'in a local file',
    files: {
      'asks.ts': "const before = 1\n\nimport { absent } from './fine'\nexport const x = absent",
      'fine.ts': 'export const present = 1',
    },
    cells: ["import { x } from './asks'\nx"],
    error: /asks\.ts:3:\d+/u,
  },
  {
    name: 'and code behind imports at its own',
    cells: ["import { sep } from 'node:path'\nconst third = sep\nnull!.x"],
    error: /> 3 \| null!\.x/u,
    types: /./u,
  },
]);

const THROWS = 'function fail() {\n  throw new Error("inside")\n}\n';

moduleCases('an error in a file below a folder called dist names its line', [
  {
    name: 'of a TypeScript file',
    files: { 'dist/made.ts': `export ${THROWS}` },
    cells: ["import { fail } from './dist/made'\nfail()"],
    error: /Error: inside[^]*> 2 \| {3}throw new Error\("inside"\)[^]*at fail \(dist\/made\.ts:2:9\)/u,
  },
  {
    name: 'of a JavaScript file, by require',
    files: { 'dist/made.cjs': `${THROWS}exports.fail = fail` },
    cells: ["require('./dist/made.cjs').fail()"],
    error: /Error: inside[^]*dist\/made\.cjs:2:9/u,
  },
  {
    name: 'of a package',
    files: {
      'node_modules/built/package.json': '{"name":"built","main":"dist/index.js"}',
      'node_modules/built/dist/index.js': `${THROWS}exports.fail = fail`,
    },
    cells: ["require('built').fail()"],
    error: /Error: inside[^]*node_modules\/built\/dist\/index\.js:2:9/u,
  },
]);
