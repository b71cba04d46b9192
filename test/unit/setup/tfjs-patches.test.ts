import { build } from 'esbuild';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  applied,
  parseTfjsPatch,
  patchNames,
  readPatches,
  TfjsPatches,
  tfjsPatchesPlugin,
  withoutSourceMap,
} from '../../../scripts/tfjs-patches.mjs';

const root = join(__dirname, '../../..');
const patches = readPatches(join(root, 'scripts/tfjs-patches'));
const original = (file: string): string =>
  withoutSourceMap(readFileSync(join(root, 'node_modules/@tensorflow', file), 'utf8'));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tensorcell-patches-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

const DIFF = `--- a/dist/op.js
+++ b/dist/op.js
@@ -1,3 +1,3 @@
 // an op
-export const op = 1;
+export const op = 2;
 // its end
`;

describe('each patch of tfjs', () => {
  const cases = [...new Set(patches.map(({ file }) => file))].flatMap((file) => {
    let text = original(file);
    return patches
      .filter((one) => one.file === file)
      .map((one) => {
        const before = text;
        text = applied(one, before);
        return { name: `${one.patch} of ${file}`, one, before, after: text };
      });
  });

  test('applies to tfjs as installed', () => {
    expect(cases.length).toBe(patches.length);
    for (const { before, after } of cases) expect(after).not.toBe(before);
  });

  test.each(cases)('$name names itself when the context of one of its hunks differs', ({ one, before }) => {
    for (const { oldStart, oldLines } of one.diff.hunks) {
      for (const number of [oldStart, oldStart + oldLines - 1]) {
        const lines = before.split('\n');
        lines[number - 1] += ' // changed';
        let message = '';
        try {
          applied(one, lines.join('\n'));
        } catch (error) {
          message = String(error);
        }
        expect(message).toContain(`${one.patch} does not apply to ${one.file}: line ${number} is `);
      }
    }
  });

  test('has a line moved: context at another line does not count', () => {
    for (const { one, before } of cases) expect(() => applied(one, `\n${before}`)).toThrow(one.patch);
  });
});

describe('the build', () => {
  const bundle = (): Promise<unknown> =>
    build({
      absWorkingDir: folder,
      entryPoints: ['entry.js'],
      bundle: true,
      write: false,
      logLevel: 'silent',
      plugins: [
        tfjsPatchesPlugin({
          folder: join(folder, 'patches'),
          ownFiles: join(folder, 'own'),
          rule: (_, text) => text,
        }),
      ],
    });
  const op = '// an op\nexport const op = 1;\n// its end\n';

  beforeEach(() => {
    write('entry.js', "export * from './node_modules/@tensorflow/tfjs-core/dist/op.js';\n");
    write('node_modules/@tensorflow/tfjs-core/dist/op.js', op);
    write('patches/tfjs-core/series', 'two.patch\n');
    write('patches/tfjs-core/two.patch', `The op is 2.\n\n${DIFF}`);
  });

  test('applies a patch, with imports of our files', async () => {
    write('own/two.mjs', 'export const two = 2;\n');
    const change = DIFF.replace(
      '@@ -1,3 +1,3 @@\n',
      '@@ -1,3 +1,4 @@\n+import { two } from "tensorcell:tfjs/two.mjs";\n',
    );
    write('patches/tfjs-core/two.patch', `The op is 2.\n\n${change.replace('op = 2', 'op = two')}`);
    const result = (await bundle()) as { outputFiles: { text: string }[] };
    expect(result.outputFiles[0]?.text).toContain('var op = two;');
  });

  test.each([
    {
      name: 'a line that the patch removes differs',
      files: { 'node_modules/@tensorflow/tfjs-core/dist/op.js': op.replace('1', '7') },
      message: 'tfjs-core/two.patch does not apply to tfjs-core/dist/op.js: line 2 is "export const op = 7;"',
    },
    {
      name: 'its context differs',
      files: { 'node_modules/@tensorflow/tfjs-core/dist/op.js': op.replace('end', 'close') },
      message: 'tfjs-core/two.patch does not apply to tfjs-core/dist/op.js: line 3 is "// its close"',
    },
    {
      name: 'the bundle has no such file',
      files: { 'patches/tfjs-core/two.patch': `The op is 2.\n\n${DIFF.replaceAll('op.js', 'other.js')}` },
      message: 'tfjs-core/two.patch changes tfjs-core/dist/other.js',
    },
    {
      name: 'the patch has no reason',
      files: { 'patches/tfjs-core/two.patch': DIFF },
      message: 'tfjs-core/two.patch: write the reason of the patch above its first ---',
    },
    {
      name: 'a patch is not in the series',
      files: { 'patches/tfjs-core/series': '' },
      message: 'tfjs-core/two.patch is not in tfjs-core/series',
    },
    {
      name: 'the series names a patch that does not exist',
      files: { 'patches/tfjs-core/series': 'two.patch\nthree.patch\n' },
      message: 'tfjs-core/series names three.patch, which does not exist',
    },
    {
      name: 'the series names a patch twice',
      files: { 'patches/tfjs-core/series': 'two.patch\ntwo.patch\n' },
      message: 'tfjs-core/series names two.patch twice',
    },
  ])('fails when $name', async ({ files, message }) => {
    for (const [file, text] of Object.entries(files)) write(file, text);
    await expect(bundle()).rejects.toThrow(message);
  });
});

test('a bundle may leave out a whole package', () => {
  const two = parseTfjsPatch('tfjs-core/two.patch', `The op is 2.\n\n${DIFF}`);
  const set = new TfjsPatches(two);
  set.apply('tfjs-layers/dist/losses.js', () => '');
  expect(() => set.checkUsed()).not.toThrow();
  set.apply('tfjs-core/dist/other.js', () => '');
  expect(() => set.checkUsed()).toThrow('tfjs-core/two.patch changes tfjs-core/dist/op.js');
});

test.each([
  ['only a reason', 'The op is 2.\n', 'changes no file'],
  ['a file that is new', `Why.\n\n${DIFF.replace('a/dist/op.js', '/dev/null')}`, 'of one file'],
  ['a file that is renamed', `Why.\n\n${DIFF.replace('b/dist/op.js', 'b/dist/ops.js')}`, 'of one file'],
  ['a hunk with a wrong count', `Why.\n\n${DIFF.replace('-1,3', '-1,4')}`, 'is not a unified diff'],
])('a patch with %s is refused', (_, text, message) => {
  expect(() => parseTfjsPatch('tfjs-core/two.patch', text)).toThrow(message);
});

test('the order of the patches is that of the series', () => {
  const names = patchNames(join(root, 'scripts/tfjs-patches'), 'tfjs-layers');
  const series = readFileSync(join(root, 'scripts/tfjs-patches/tfjs-layers/series'), 'utf8');
  expect(`${names.map((name) => name.replace('tfjs-layers/', '')).join('\n')}\n`).toBe(series);
});
