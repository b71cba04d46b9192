// V8's code cache in the folder of the bundles: the first process with a cell writes it, and one that is damaged is made anew.
import { strict as assert } from 'node:assert';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KernelProcess } from './kernel-process.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dist = join(root, '.cache', `code-cache-${process.pid}`);
cpSync(join(root, 'dist'), dist, {
  recursive: true,
  filter: (path) => !/\.(?:map|cache)$|[/\\](?:types|notebooks|tf\.cjs)$/.test(path),
});
after(() => rmSync(dist, { recursive: true, force: true }));

const caches = (): string[] => readdirSync(dist).filter((name) => name.endsWith('.cache'));
const NAMES = ['kernel-code', 'runtime-code'].map(
  (name) => `${name}.cjs.${process.version}-${process.arch}.cache`,
);

async function runCell(): Promise<void> {
  const kernel = new KernelProcess({ dist });
  try {
    const client = await kernel.client();
    assert.equal((await client.cell('class A { x = 42 }\nnew A().x')).result, '42');
    await kernel.stop();
  } finally {
    kernel.kill();
  }
}

/** On a machine without time a process may be ended before it has written its cache: then the next one writes it. */
async function runCellsUntil(isWritten: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  do await runCell();
  while (!isWritten() && Date.now() < end);
  assert.ok(isWritten(), caches().join());
}

test('a kernel without a cell writes no code cache, one with a cell writes that of both processes', async () => {
  const kernel = new KernelProcess({ dist });
  try {
    await kernel.client();
    await kernel.stop();
  } finally {
    kernel.kill();
  }
  assert.deepEqual(caches(), []);
  await runCellsUntil(() => caches().length === NAMES.length);
  assert.deepEqual(caches().sort(), NAMES);
});

test('a code cache that fits is used as it is', async () => {
  const times = (): number[] => NAMES.map((name) => statSync(join(dist, name)).mtimeMs);
  const before = times();
  await runCell();
  assert.deepEqual(times(), before);
});

const DAMAGES: Record<string, (whole: Buffer) => Buffer> = {
  'that is empty': () => Buffer.alloc(0),
  'that was cut off': (whole) => whole.subarray(0, whole.length / 2),
  'with a wrong bit': (whole) => {
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1]! ^= 4;
    return damaged;
  },
  'of another build': (whole) => Buffer.concat([Buffer.alloc(64, '0'), whole.subarray(64)]),
};

for (const [name, damage] of Object.entries(DAMAGES))
  test(`a code cache ${name} is not used, and made anew`, async () => {
    const paths = NAMES.map((file) => join(dist, file));
    const damaged = paths.map((path) => damage(readFileSync(path)));
    for (const [index, path] of paths.entries()) writeFileSync(path, damaged[index]!);
    await runCellsUntil(() =>
      paths.every((path, index) => {
        const now = readFileSync(path);
        return now.length > 50_000 && !now.equals(damaged[index]!);
      }),
    );
  });
