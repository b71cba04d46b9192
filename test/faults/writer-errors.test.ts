/**
 * Failures that a small disk cannot show, at every writer: a quota, a disk with faults, in each call of the system that a save makes. The
 * calls of this process fail, everything else is real.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FileError, writeTogether, writeWhole } from '../../src/base/files/index.ts';
import { contents } from './small-disk.ts';
import { WRITERS } from './writers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-writer-errors-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Name = 'closeSync' | 'fsyncSync' | 'renameSync' | 'writeSync' | 'openSync';

function systemError(code: string, call: string): NodeJS.ErrnoException {
  const errno = { EIO: -5, EBUSY: -16, EDQUOT: -122, ENOSPC: -28 }[code];
  return Object.assign(new Error(`${code}: ${call}`), { code, errno, syscall: call });
}

/** Below the folder of this test: the test runner and TensorFlow have files too. */
function isOurs(descriptor: number): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder);
  } catch {
    return false;
  }
}

/** One call of the system that fails while `action` runs: the first one that `matches`, and those after it. */
async function withFailing(
  name: Name,
  matches: (...words: never[]) => boolean,
  code: string,
  action: () => Promise<void>,
): Promise<void> {
  const real = fs[name] as (...words: unknown[]) => unknown;
  (fs as unknown as Record<string, unknown>)[name] = (...words: unknown[]) => {
    if (!matches(...(words as never[]))) return real(...words);
    // A file whose closing fails is closed all the same (close(2)).
    if (name === 'closeSync') real(...words);
    throw systemError(code, name);
  };
  syncBuiltinESMExports();
  try {
    await action();
  } finally {
    (fs as unknown as Record<string, unknown>)[name] = real;
    syncBuiltinESMExports();
  }
}

const isFolder = (descriptor: number): boolean => fs.fstatSync(descriptor).isDirectory();
/** A file of this test that is open for writing (proc(5): flags of fdinfo are octal, and 0 is O_RDONLY). */
function isWritten(descriptor: number): boolean {
  if (!isOurs(descriptor) || isFolder(descriptor)) return false;
  const flags = /^flags:\s+(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))![1]!;
  return (Number.parseInt(flags, 8) & 3) !== 0;
}

/** Before the new file is in its place. */
const FAILURES: Record<string, [name: Name, matches: (...words: never[]) => boolean, code: string]> = {
  'a quota at a write': ['writeSync', isWritten, 'EDQUOT'],
  'a fault of the disk at fsync': ['fsyncSync', isWritten, 'EIO'],
  'a full disk behind a network at close': ['closeSync', isWritten, 'ENOSPC'],
  'a fault of the disk at rename': ['renameSync', (from: string) => from.startsWith(folder), 'EIO'],
};

const REMEDIES: Record<string, RegExp> = {
  EDQUOT: /quota/,
  EIO: /the disk reports a fault/,
  ENOSPC: /free some space/,
};

for (const [failure, [name, matches, code]] of Object.entries(FAILURES)) {
  test(`${failure}: every writer keeps the old file and names the new one`, async () => {
    for (const [writer, write] of Object.entries(WRITERS)) {
      // Nothing is renamed when text is appended.
      if (writer === '%%writefile -a' && name === 'renameSync') continue;
      const place = mkdtempSync(join(folder, 'place-'));
      const target = join(place, writer);
      await write(target, 1);
      const before = contents(place);
      await withFailing(name, matches, code, () =>
        assert.rejects(
          async () => write(target, 2),
          (error: Error) => {
            assert.ok(error.message.includes(code), `${writer}: ${error.message}`);
            assert.ok(error.message.includes(target), `${writer}: ${error.message}`);
            assert.match(error.message, REMEDIES[code]!, writer);
            return true;
          },
        ),
      );
      assert.deepEqual(contents(place), before, writer);
      await write(target, 3);
      assert.ok(
        !readdirSync(place, { recursive: true, encoding: 'utf8' }).some((path) => path.endsWith('.tmp')),
      );
    }
  });
}

test('a fault of the disk when a folder is synchronized: every file is whole, and the error says that it is in its place', async () => {
  for (const [writer, write] of Object.entries(WRITERS)) {
    // Its folder does not change.
    if (writer === '%%writefile -a') continue;
    const place = mkdtempSync(join(folder, 'place-'));
    const target = join(place, writer);
    await write(target, 1);
    const names = [...contents(place).keys()];
    await withFailing(
      'fsyncSync',
      (fd: number) => isOurs(fd) && isFolder(fd),
      'EIO',
      () =>
        assert.rejects(
          async () => write(target, 2),
          /is in its place, but may not survive a power cut: .*\(EIO\)/,
          writer,
        ),
    );
    const now = contents(place);
    for (const path of names) assert.ok(now.has(path) || writer === 'backup', `${writer}: ${path} is gone`);
    assert.ok(![...now.keys()].some((path) => path.endsWith('.tmp')), writer);
    await write(target, 3);
  }
});

test('files that belong together: where the second one cannot be put in its place, the first one is as before', async () => {
  for (const existed of [true, false]) {
    const place = mkdtempSync(join(folder, 'together-'));
    const files = ['weights.bin', 'model.json', 'notes'].map((name) => join(place, name));
    if (existed) for (const file of files) writeFileSync(file, `old ${file}`);
    const before = contents(place);
    let renamed = 0;
    await withFailing(
      'renameSync',
      (_: string, to: string) => to === files[1] && renamed++ === 0,
      'EBUSY',
      async () =>
        assert.throws(() => writeTogether(files.map((file) => [file, 'new'] as const)), {
          name: 'FileError',
          code: 'EBUSY',
          message: /model\.json: .*mount point/,
        }),
    );
    assert.equal(renamed, 1);
    assert.deepEqual(contents(place), before);
    writeTogether(files.map((file) => [file, 'new'] as const));
    assert.deepEqual(
      files.map((file) => readFileSync(file, 'utf8')),
      ['new', 'new', 'new'],
    );
    assert.equal(contents(place).size, 3);
  }
});

test('a new file in new folders: each folder above it is brought to the disk', async () => {
  const synced: string[] = [];
  const place = mkdtempSync(join(folder, 'new-'));
  const watch = (descriptor: number): boolean => {
    synced.push(fs.readlinkSync(`/proc/self/fd/${descriptor}`));
    return false;
  };
  await withFailing('fsyncSync', watch, 'EIO', async () => writeWhole(join(place, 'a/b/c/file'), 'x'));
  assert.match(synced[0]!, /\/a\/b\/c\/\.file\..*\.tmp$/);
  assert.deepEqual(
    synced.slice(1),
    ['a/b/c', 'a/b', 'a', ''].map((path) => join(place, path).replace(/\/$/, '')),
  );
});

test('a write that takes fewer bytes is gone on with, one that takes none ends', async () => {
  const target = join(folder, 'short');
  const real = fs.writeSync;
  const short = (most: number): void => {
    (fs as { writeSync: unknown }).writeSync = (fd: number, bytes: Uint8Array, at = 0) =>
      isOurs(fd)
        ? most === 0
          ? 0
          : real(fd, bytes, at, Math.min(most, bytes.length - at))
        : real(fd, bytes, at);
    syncBuiltinESMExports();
  };
  try {
    short(7);
    writeWhole(target, '0123456789'.repeat(10));
    short(0);
    assert.throws(
      () => writeWhole(target, 'x'),
      (error) => error instanceof FileError && /accepted no bytes/.test(error.message),
    );
  } finally {
    fs.writeSync = real;
    syncBuiltinESMExports();
  }
  assert.equal(readFileSync(target, 'utf8'), '0123456789'.repeat(10));
});
