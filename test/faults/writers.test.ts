/** A disk that is full, at every writer: the old file stays as it was, the error names the file, nothing is left over. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { History } from '../../kernel/session/history.ts';
import { historyCommand } from '../../cli/history.ts';
import { FileError, writeWhole } from '../../src/base/files/index.ts';
import { temporaryName } from '../../src/base/files/leftovers.ts';
import { CSVLogger, loadModel, saveModel, TensorBoard } from '../../src/training/index.ts';
import { fileLimitProblem, limitFiles } from './file-limit.ts';
import { contents, smallDisk, smallDiskProblem } from './small-disk.ts';
import { fitWith, model, text, WRITERS } from './writers.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

const skip = smallDiskProblem() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-writers-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Obstacles to writing a file, and the error with its cause and remedy. */
interface Obstacle {
  problem: string | undefined;
  code: string;
  remedy: RegExp;
  begin: () => { folder: string; block: () => void; unblock: () => void; close: () => void };
}

const OBSTACLES: Record<string, Obstacle> = {
  'a full disk': {
    problem: smallDiskProblem(),
    code: 'ENOSPC',
    remedy: /free some space/,
    begin() {
      const disk = smallDisk();
      return {
        folder: disk.folder,
        block: () => disk.fill(),
        unblock: () => disk.free(),
        close: () => disk.close(),
      };
    },
  },
  'a limit on the size of files': {
    problem: fileLimitProblem(),
    code: 'EFBIG',
    remedy: /ulimit -f/,
    begin() {
      const place = mkdtempSync(join(folder, 'limited-'));
      return {
        folder: place,
        block: () => limitFiles(2),
        unblock: () => limitFiles(undefined),
        close: () => limitFiles(undefined),
      };
    },
  },
};

for (const [obstacle, { problem, code, remedy, begin }] of Object.entries(OBSTACLES)) {
  for (const [name, write] of Object.entries(WRITERS)) {
    test(`${obstacle}: ${name}`, { skip: problem ?? false }, async () => {
      const place = begin();
      try {
        const target = join(place.folder, name);
        await write(target, 1);
        const before = contents(place.folder);
        assert.ok(before.size > 0);
        place.block();
        await assert.rejects(
          async () => write(target, 2),
          (error: Error & { code?: string }) => {
            assert.ok(error.message.includes(code), error.message);
            assert.ok(error.message.includes(target), error.message);
            assert.match(error.message, remedy);
            return true;
          },
        );
        assert.deepEqual(contents(place.folder), before);
        place.unblock();
        await write(target, 3);
        assert.deepEqual(
          [...contents(place.folder).keys()].filter((path) => path.endsWith('.tmp')),
          [],
        );
      } finally {
        place.close();
      }
    });
  }

  test(
    `${obstacle}: the history keeps cells until they can be written`,
    { skip: problem ?? false },
    async () => {
      const place = begin();
      const logged: string[] = [];
      const path = join(place.folder, 'history.sqlite');
      const history = new History({ path, log: (line) => logged.push(line) });
      const sources = async (): Promise<unknown[]> =>
        (await history.find({ hist_access_type: 'tail', n: 100, raw: true, output: false } as never)).map(
          ([, , source]) => source,
        );
      try {
        history.add(1, `first ${text}`, undefined);
        assert.deepEqual(await sources(), [`first ${text}`]);
        place.block();
        history.add(2, `second ${text}`, 'a result');
        assert.deepEqual(await sources(), [`first ${text}`]);
        assert.match(logged.join('\n'), /cannot write the history to .*history\.sqlite: .*(full|disk I\/O)/);
        place.unblock();
        history.add(3, 'third', undefined);
        assert.deepEqual(await sources(), [`first ${text}`, `second ${text}`, 'third']);
      } finally {
        await history.close();
        place.close();
      }
    },
  );
}

test('a full disk: tensorcell history off', { skip }, () => {
  const disk = smallDisk();
  const before = process.env['TENSORCELL_HOME'];
  try {
    process.env['TENSORCELL_HOME'] = join(disk.folder, 'home');
    // An empty file and folders take inodes only: the switch can be set on a full disk.
    disk.fill();
    assert.equal(historyCommand('off'), 0);
    assert.ok(existsSync(join(disk.folder, 'home', 'history.off')));
  } finally {
    if (before === undefined) delete process.env['TENSORCELL_HOME'];
    else process.env['TENSORCELL_HOME'] = before;
    disk.close();
  }
});

test('a full temporary folder concerns no model: no writer uses it', { skip }, async () => {
  const disk = smallDisk();
  const before = process.env['TMPDIR'];
  try {
    process.env['TMPDIR'] = disk.folder;
    disk.fill();
    const file = join(folder, 'temporary.keras');
    const saved = model(7);
    await saveModel(saved, file);
    const again = await loadModel(file);
    assert.deepEqual(
      again.getWeights().map((weight) => [...weight.dataSync()]),
      saved.getWeights().map((weight) => [...weight.dataSync()]),
    );
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    disk.close();
  }
});

/** Text that is printed while `action` runs; the test runner's own reports are bytes, and pass. */
async function printed(action: () => Promise<unknown>): Promise<string> {
  let said = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (chunk: string | Uint8Array, ...more: never[]) => {
    if (typeof chunk !== 'string') return write(chunk, ...more);
    said += chunk;
    return true;
  };
  try {
    await action();
    return said;
  } finally {
    process.stdout.write = write;
  }
}

/** The warnings of a log, and the content of its files, when the disk is full in the epochs 1 and 2. */
async function logged(
  make: (target: string) => object,
): Promise<{ said: string; files: Map<string, string> }> {
  const disk = smallDisk(256);
  try {
    const log = make(join(disk.folder, 'log'));
    const steps = new tf.CustomCallback({
      onEpochBegin: async (epoch: number) => {
        if (epoch === 1) disk.fill();
        if (epoch === 3) disk.free();
        return Promise.resolve();
      },
    });
    const said = await printed(async () =>
      model(1).fit(tf.ones([4, 64]), tf.ones([4, 1]), { epochs: 20, callbacks: [steps, log] as never }),
    );
    return { said, files: contents(disk.folder) };
  } finally {
    disk.close();
  }
}

test(
  'a full disk: CSVLogger reports once, the training goes on, the file can be read',
  { skip },
  async () => {
    // Long lines, so that epochs 1 and 2 do not fit into what is left of the last page.
    const separator = ';'.repeat(2000);
    const { said, files } = await logged((target) => new CSVLogger(target, { separator }));
    assert.equal(said.match(/CSVLogger: cannot write .*ENOSPC/g)?.length, 1, said);
    const lines = Buffer.from([...files.values()][0]!, 'base64')
      .toString()
      .trimEnd()
      .split('\r\n');
    assert.deepEqual(lines[0]!.split(separator), ['epoch', 'loss', 'val_loss']);
    const rows = lines.slice(1).map((line) => line.split(separator));
    assert.deepEqual(new Set(rows.map((row) => row.length)), new Set([3]));
    const epochs = rows.map(([epoch]) => Number(epoch));
    assert.ok(epochs.length < 20, epochs.join());
    assert.deepEqual(
      epochs.slice(-17),
      Array.from({ length: 17 }, (_, at) => at + 3),
    );
  },
);

/** Sizes of the records of an event file; the last one ends where the file ends. */
function eventSizes(events: Buffer): number[] {
  const sizes: number[] = [];
  let at = 0;
  while (at < events.length) {
    sizes.push(16 + Number(events.readBigUInt64LE(at)));
    at += sizes.at(-1)!;
  }
  assert.equal(at, events.length);
  return sizes;
}

test(
  'a full disk: TensorBoard reports once, the training goes on, every event is whole',
  { skip },
  async () => {
    // A name of 3000 characters, so that an event does not fit into what is left of the last page.
    const { said, files } = await logged((target) => {
      const log = new TensorBoard(target);
      const end = log.onEpochEnd.bind(log);
      log.onEpochEnd = async (epoch, logs) => end(epoch, { ...logs, ['m'.repeat(3000)]: 1 });
      return log;
    });
    assert.equal(said.match(/TensorBoard: cannot write .*ENOSPC/g)?.length, 1, said);
    const sizes = eventSizes(Buffer.from([...files.values()][0]!, 'base64'));
    const epochs = sizes.filter((size) => size > 3000).length;
    assert.ok(epochs >= 18 && epochs < 20, sizes.join());
  },
);

test('a log into /dev/full', async () => {
  const said = await printed(async () => fitWith(new CSVLogger('/dev/full')));
  assert.equal(said.match(/cannot write \/dev\/full: no space left on device \(ENOSPC\)/g)?.length, 1, said);
});

test('devices and pipes are never replaced', () => {
  assert.throws(
    () => writeWhole('/dev/full', 'x'),
    /cannot write \/dev\/full: no space left on device \(ENOSPC\)/,
  );
  writeWhole('/dev/null', 'x');
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
  assert.ok(lstatSync('/dev/full').isCharacterDevice());
  assert.throws(() => writeWhole(folder, 'x'), { name: 'FileError', code: 'TENSORCELL_FILE_KIND' });
});

test('a file keeps its permissions, a link what it points to', () => {
  const file = join(folder, 'private.json');
  const link = join(folder, 'link.json');
  writeWhole(file, 'a', { mode: 0o600 });
  chmodSync(file, 0o640);
  symlinkSync('private.json', link);
  writeWhole(link, 'b');
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(file, 'utf8'), 'b');
  assert.equal(statSync(file).mode & 0o777, 0o640);
});

test('a file that does not read back right replaces nothing', () => {
  const file = join(folder, 'checked');
  writeWhole(file, 'good');
  assert.throws(
    () => writeWhole(file, 'bad', { check: () => 'no header' }),
    (error: FileError) => error instanceof FileError && error.code === 'TENSORCELL_FILE_DAMAGED',
  );
  assert.equal(readFileSync(file, 'utf8'), 'good');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

test('a save removes what killed saves left, and nothing else', () => {
  const file = join(folder, 'kept.keras');
  const own = temporaryName(file);
  const [, place, start] = /\.([0-9a-f]{8})-\d+-(\d+)-\d+\.[0-9a-f]{8}\.tmp$/.exec(own)!;
  const name = (writer: string): string => join(folder, `.kept.keras.${writer}.0123abcd.tmp`);
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'latin1');
  const parentStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
  const gone = [
    own,
    name(`${place}-4194000-1-0`),
    // The number of a living process that began at another time.
    name(`${place}-${process.ppid}-1-0`),
    // As version 0.1 named them.
    name('4194000'),
  ];
  const stays = [
    name(`${place}-${process.ppid}-${parentStart}-0`),
    // Another thread of this process may be writing.
    name(`${place}-${process.pid}-${start}-7`),
    // A process of another machine, on a disk that both have.
    name('00000000-4194000-1-0'),
    join(folder, '.kept.keras.bak'),
    join(folder, `.other.keras.${place}-4194000-1-0.0123abcd.tmp`),
  ];
  for (const path of [...gone, ...stays]) writeFileSync(path, '');
  writeWhole(file, 'x');
  assert.deepEqual(
    gone.filter((path) => existsSync(path)),
    [],
  );
  assert.deepEqual(
    stays.filter((path) => !existsSync(path)),
    [],
  );
});

test('every writer of the sources goes through src/base/files', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const found: string[] = [];
  for (const top of ['src', 'kernel', 'runtime', 'cli']) {
    for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|cjs|mjs)$/.test(name) || `${top}/${name}`.startsWith('src/base/files/')) continue;
      const source = readFileSync(join(root, top, name), 'utf8');
      for (const [call] of source.matchAll(
        /\b(writeFile(Sync)?|appendFile(Sync)?|createWriteStream|copyFile(Sync)?|outputFile)\b/g,
      )) {
        found.push(`${top}/${name}: ${call}`);
      }
    }
  }
  assert.deepEqual(found, [
    'src/training/model-files/hdf5.ts: writeFile',
    'src/training/model-files/hdf5.ts: writeFile',
  ]);
});
