/** Legacy decorators and their metadata in cells and local files: what tsc's own output of the same source does when it runs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib', 'tsc.js');

const OPTIONS = {
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  strict: true,
  target: 'es2022',
  module: 'nodenext',
  useDefineForClassFields: true,
};

/** Notes each call of a decorator and each piece of metadata, in order. */
const NOTING = `
const calls: string[] = []
const types: Record<string, unknown> = {}
const names = (type: any): any => Array.isArray(type) ? type.map(names).join('+') : String(type?.name)
;(Reflect as any).metadata = (key: string, value: any) => (target: any, property: any) => {
  types[(typeof target === 'function' ? 'static ' : '') + String(property) + ' ' + key] = names(value)
}
const note = (kind: string): any => (...args: any[]) => {
  calls.push([kind, typeof args[0], String(args[1] ?? args[0].name), typeof args[2] === 'number' ? args[2] : typeof args[2]].join(' '))
}
class Dep {}
class Other<T> { x?: T }
enum Level { low, high }
enum Word { a = 'a' }
interface Shape { n: number }
type Id = string
type Mode = 'a' | 'b'`;

const CLASSES: Record<string, string> = {
  'members of a class and its instances, in mixed order': `
@note('class') class Thing {
  @note('s1') static a: number = 1
  @note('i1') b: string = ''
  @note('sm') static m(@note('sp') x: Date): void {}
  @note('im') n(@note('ip') y: Dep | null): Promise<void> { return null! }
  @note('s2') static c: Dep = new Dep()
  @note('i2') d?: boolean
  constructor(@note('cp') public dep: Dep, count: number) {}
}
@note('second') class Second { @note('x') static x = 1; @note('y') y = 2 }`,
  'a class in a function and in a block': `
function make() {
  @note('class') class Inner { @note('s') static s: number = 1; @note('i') i: Dep = new Dep() }
  return Inner
}
make()
{ @note('class') class Block { @note('s') static s: number = 1; @note('i') i: Dep = new Dep() } }`,
  'getters and setters': `
class Accessors {
  @note('g') get both(): number { return 1 }
  set both(v: number) {}
  get other(): Dep { return null! }
  @note('s') set other(v: Dep) {}
  @note('so') set only(v: boolean) {}
  @note('go') get onlyGetter() { return 1 }
  @note('gt') get typed(): Date { return null! }
  @note('sg') static get sg(): string { return '' }
  static set sg(v: string) {}
  set first(v: Id) {}
  @note('later') get first(): string { return '' }
}`,
  'types of properties': `
class Types<T> {
  ${[
    'string',
    'number',
    'boolean',
    'bigint',
    'symbol',
    'string[]',
    'readonly string[]',
    '[number, string]',
    'Array<number>',
    'ReadonlyArray<number>',
    'Promise<void>',
    'Map<string, number>',
    'Date',
    '() => void',
    'Function',
    'object',
    '{ a: 1 }',
    'any',
    'unknown',
    'void',
    'null',
    'undefined',
    'never',
    '"a" | "b"',
    '1 | 2',
    '-1',
    'true',
    '`x${string}`',
    'string | number',
    'number | null',
    '(string)',
    'string & { x: 1 }',
    'keyof Date',
    'typeof globalThis',
    'Shape',
    'Id',
    'Mode',
    'Level',
    'Word',
    'Dep',
    'Dep | Dep',
    'Other<string>',
    'T',
    'Types<T>',
    'Level | Level',
    'number | undefined',
    'Uint8Array',
    'Set<Dep>',
    'RegExp',
    'Error',
    'string | never',
    'true | false',
    'T[]',
    'new () => Dep',
    'Partial<Shape>',
    'Record<string, number>',
    '1n',
  ]
    .map((type, index) => `@note('p') p${index}!: ${type}`)
    .join('\n  ')}
}`,
  'types of parameters and returned values': `
@note('c') class Service<T> {
  constructor(private dep: Dep, name: string, x = 3, readonly y?: number, { z }: { z: number } = { z: 1 }, ...rest: Dep[]) {}
  @note('m') method(a: number, b: T, ...c: string[]): Promise<string> { return null! }
  @note('l') async later() {}
  @note('n') none() {}
  @note('o') of(level: Level, mode: Mode): Id { return '' }
  @note('p') is(x: unknown): x is Dep { return true }
  @note('t') self(): this { return this }
  argument(@note('a') a: boolean, b: Dep | null) {}
  @note('plain') plain = 5
  static build(@note('b') from: Dep | undefined): Service<string> { return null! }
}
@note('e') class Empty {}`,
};

function expected(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-tsc-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...OPTIONS, types: [] }, files: ['a.ts'] }),
    );
    writeFileSync(join(folder, 'a.ts'), `${source}\nconsole.log(JSON.stringify([calls, types]))\nexport {}`);
    try {
      execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'pipe' });
    } catch {
      // Type errors stop nothing: the output is there.
    }
    return execFileSync(process.execPath, [join(folder, 'a.js')], { encoding: 'utf8' }).trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('decorators are called in the order, and with the types, of what tsc makes of the same source', () =>
  withKernel(
    async (client, kernel) => {
      for (const [what, classes] of Object.entries(CLASSES)) {
        const source = `${NOTING}\n${classes}`;
        const wanted = JSON.parse(expected(source)) as unknown;
        const cell = await client.cell(`${source}\nconsole.log(JSON.stringify([calls, types]))`);
        assert.equal(cell.reply['status'], 'ok', `${what}: ${cell.reply['evalue']}`);
        assert.deepEqual(JSON.parse(cell.stdout), wanted, what);
        writeFileSync(
          join(kernel.folder, 'local.ts'),
          `${source}\nexport const seen = JSON.stringify([calls, types])`,
        );
        const local = await client.cell(`import { seen } from './local'\nconsole.log(seen)`);
        assert.equal(local.reply['status'], 'ok', `${what}: ${local.reply['evalue']}`);
        assert.deepEqual(JSON.parse(local.stdout), wanted, `${what}, in a local file`);
      }
    },
    { files: { 'tsconfig.json': JSON.stringify({ compilerOptions: OPTIONS }) } },
  ));
