/** Damaged and hostile files, at every reader of a user's file: refused in bounded time and memory, the file named. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { crc32, deflateRawSync } from 'node:zlib';
import { parameterLines, readNotebook } from '../../cli/notebook.ts';
import { datasets, readCsv, readIdx, readNpy, readNpz, readParquet } from '../../src/data/index.ts';
import { parseIni } from '../../src/machine/devices/ini.ts';
import { readConfigFile } from '../../src/machine/devices/settings.ts';
import { open } from '../../src/interop/safetensors/index.ts';
import {
  BackupAndRestore,
  installTraining,
  loadModel,
  loadWeights,
  saveModel,
} from '../../src/training/index.ts';
import { zipParts } from '../../src/training/model-files/zip.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
installTraining(tf);
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-readers-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function model(): Tf.LayersModel {
  return tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
}

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

type Reader = (path: string) => unknown;

/** Every reader, by the ending that its files have. */
const READERS: Record<string, [ending: string, read: Reader]> = {
  readCsv: ['csv', (path) => readCsv(path)],
  'datasets.csv': ['csv', async (path) => datasets.csv(path, { label: 'y' })],
  readNpy: ['npy', (path) => readNpy(path)],
  readNpz: ['npz', (path) => readNpz(path)],
  readIdx: ['idx', (path) => readIdx(path)],
  'datasets.arrays': ['npy', async (path) => datasets.arrays({ xs: path })],
  readParquet: ['parquet', async (path) => readParquet(path)],
  'datasets.parquet': ['parquet', async (path) => datasets.parquet(path, { label: 'y' })],
  'safetensors.open': ['safetensors', (path) => open(path)],
  'loadModel of Keras': ['keras', async (path) => loadModel(path)],
  'loadModel of tfjs': ['json', async (path) => loadModel(path)],
  loadWeights: ['weights.h5', async (path) => loadWeights(model(), path)],
  'a notebook': ['ipynb', (path) => readNotebook(path)],
  'the settings': ['config', (path) => readConfigFile(path)],
};

async function refused(read: () => unknown, ...texts: string[]): Promise<void> {
  await assert.rejects(
    async () => read(),
    (error: Error & { code?: string }) => {
      for (const text of texts)
        assert.ok(error.message.includes(text), `${text} is not in: ${error.message}`);
      assert.ok(!['SyntaxError', 'TypeError'].includes(error.name), error.stack);
      assert.ok(error.code !== undefined, error.stack);
      return true;
    },
  );
}

const fifo = join(folder, 'pipe');
execFileSync('mkfifo', [fifo]);

for (const [name, [ending, read]] of Object.entries(READERS)) {
  test(`${name}: pipes, devices, folders, and what is no such file`, async () => {
    for (const [kind, target] of [
      ['pipe', fifo],
      ['zero', '/dev/zero'],
      ['folder', folder],
    ] as const) {
      const path = join(folder, `${kind}-${name}.${ending}`);
      symlinkSync(target, path);
      await refused(() => read(path), path);
    }
    for (const [kind, bytes] of [
      ['empty', ''],
      ['noise', Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 7919) % 251))],
      ['cut', '{"a": [1, 2'],
      ['a quote', 'x,y\n"1,2\n'],
    ] as const) {
      // A table of CSV may be empty or hold any text.
      if (ending === 'csv' && kind !== 'a quote') continue;
      const path = file(`${kind}-${name}.${ending}`, bytes);
      await refused(() => read(path), path);
    }
  });
}

test('weights of a model.json lie in its folder', async () => {
  const where = join(folder, 'outside');
  await saveModel(model(), where);
  const json = JSON.parse(readFileSync(join(where, 'model.json'), 'utf8')) as {
    weightsManifest: [{ paths: unknown[] }];
  };
  symlinkSync('/dev/zero', join(where, 'zero.bin'));
  execFileSync('mkfifo', [join(where, 'pipe.bin')]);
  writeFileSync(join(where, 'short.bin'), Buffer.alloc(3));
  for (const path of [
    '../../../../etc/passwd',
    'a/../../outside/short.bin',
    '/etc/passwd',
    '/dev/zero',
    'zero.bin',
    'pipe.bin',
    'short.bin',
    'absent.bin',
    '.',
    '',
    'a\0b',
    7,
    null,
  ]) {
    json.weightsManifest[0].paths = [path];
    writeFileSync(join(where, 'model.json'), JSON.stringify(json));
    await refused(async () => loadModel(where), where);
  }
});

/** A ZIP archive whose directory says what it is told to. */
function archive(
  name: string,
  packed: Buffer,
  says: { size?: number; times?: number; crc?: number },
): string {
  const member = 'a.npy';
  const [head, , central, end] = zipParts({ [member]: packed }) as [Buffer, Buffer, Buffer, Buffer];
  const entry = Buffer.from(central);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(says.crc ?? 0, 16);
  entry.writeUInt32LE(says.size ?? packed.length, 24);
  const times = says.times ?? 1;
  const entries = Array.from({ length: times }, (_, at) => {
    const copy = Buffer.from(entry);
    copy.write(String.fromCharCode(97 + at), 46, 'latin1');
    return copy;
  });
  const last = Buffer.from(end);
  last.writeUInt16LE(times, 8);
  last.writeUInt16LE(times, 10);
  last.writeUInt32LE(entry.length * times, 12);
  return file(name, Buffer.concat([head, packed, ...entries, last]));
}

test('archives that unpack to far more than they have', async () => {
  const zeros = Buffer.alloc(2 ** 21);
  const packed = deflateRawSync(zeros);
  const crc = crc32(zeros);
  const before = process.memoryUsage().rss;
  for (const ending of ['npz', 'keras']) {
    const read = (path: string): unknown => (ending === 'npz' ? readNpz(path) : loadModel(path));
    const honest = archive(`honest.${ending}`, packed, { size: 0xf000_0000, crc });
    await refused(() => read(honest), honest, 'unpacks to 3.75 GiB', 'at most 1.00 GiB');
    const shared = archive(`shared.${ending}`, packed, { size: zeros.length, crc, times: 9 });
    await refused(() => read(shared), shared, 'its members overlap');
    const liar = archive(`liar.${ending}`, packed, { size: 100, crc });
    await refused(() => read(liar), liar, 'a.npy is damaged');
    const short = archive(`short.${ending}`, packed, { size: zeros.length + 1, crc });
    await refused(() => read(short), short, 'a.npy has 2097152 bytes, but the directory says 2097153');
    const wrong = archive(`wrong.${ending}`, packed, { size: zeros.length, crc: 1 });
    await refused(() => read(wrong), wrong, 'its checksum is wrong');
  }
  const limited = archive('limited.npz', packed, { size: zeros.length, crc });
  await refused(() => readNpz(limited, { maxBytes: 2 ** 20 }), limited, 'at most 1.00 MiB');
  assert.ok(process.memoryUsage().rss - before < 2 ** 30);
});

test('a backup that was damaged', async () => {
  const where = join(folder, 'backup');
  mkdirSync(where);
  for (const notes of [
    '',
    '{',
    '[]',
    '{"epoch": -1, "weights": "a.weights.h5"}',
    '{"epoch": 1, "weights": "../x"}',
  ]) {
    writeFileSync(join(where, 'training_metadata.json'), notes);
    await refused(
      async () => new BackupAndRestore(where).beforeFit(model()),
      join(where, 'training_metadata.json'),
    );
  }
});

const POLLUTED = '{"__proto__": {"polluted": 1}, "a": {"__proto__": null, "b": [{"__proto__": 7}]}}';

test('-p with a value that names __proto__ sets no prototype', () => {
  const line = parameterLines([['x', POLLUTED]]);
  const made = runInThisContext(`(() => { ${line} return x; })()`) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(made), Object.prototype);
  assert.deepEqual(JSON.parse(JSON.stringify(made)), JSON.parse(POLLUTED));
  assert.equal(Object.getPrototypeOf(made['a']), Object.prototype);
});

test('no file that names __proto__ sets a prototype', async () => {
  const where = join(folder, 'polluted');
  await saveModel(model(), where);
  const path = join(where, 'model.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('{', `{"__proto__": {"polluted": 1}, `));
  await loadModel(where);
  parseIni('[__proto__]\npolluted=1\n[constructor]\npolluted=1\n');
  const npy = Buffer.concat([
    Buffer.from(
      `\x93NUMPY\x01\x00v\x00${`{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }`.padEnd(117)}\n`,
      'latin1',
    ),
    Buffer.alloc(4),
  ]);
  const arrays = readNpz(file('proto.npz', Buffer.concat(zipParts({ ['__proto__.npy']: npy }))));
  assert.deepEqual(Object.keys(arrays), ['__proto__']);
  assert.equal(Object.getPrototypeOf(arrays), Object.prototype);
  const [row] = readCsv(file('proto.csv', '__proto__,a\n1,2\n'));
  assert.deepEqual(Object.entries(row!), [
    ['__proto__', 1],
    ['a', 2],
  ]);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test("Tensorcell's own files, damaged: commands go on without them", () => {
  const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
  for (const text of ['null', '[null, 5]', '{"__proto__": []}', '5', '"x"', 'x']) {
    const home = mkdtempSync(join(folder, 'home-'));
    writeFileSync(join(home, 'kernelspecs.json'), text);
    for (const words of [['install', '--prefix', join(home, 'prefix')], ['uninstall']]) {
      const env = { ...process.env, TENSORCELL_HOME: home };
      execFileSync(process.execPath, [cli, ...words], { env, stdio: 'pipe' });
    }
  }
});
