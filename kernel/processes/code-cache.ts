/**
 * Runs a bundle with V8's code cache: functions that an earlier process has compiled are not compiled again. The cache is in the folder
 * of the bundle and is written by the first process that can. (`module.enableCompileCache` does the same from Node 22.8 on.)
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { quietly } from '../../src/base/quietly.ts';

/** Hexadecimal digits of the SHA-256 of a bundle, which the build puts into a comment at its start. */
const KEY_LENGTH = 64;
/** The key, and the CRC-32 of what follows. */
const HEADER_LENGTH = KEY_LENGTH + 4;

/** The cache that is missing, or that V8 has refused: it was made by another version. */
export interface MissingCache {
  readonly bundle: string;
  readonly file: string;
  /** The content for the file, with all functions that have run up to now. */
  readonly content: () => Uint8Array[];
}

/** A bundle: a function of the names that CommonJS modules have in scope, and of the cache that it should write. It has no `import()`. */
type Bundle = (
  require: (name: string) => unknown,
  __filename: string,
  __dirname: string,
  nativeImport: NativeImport,
  missingCache: MissingCache | undefined,
) => void;

type NativeImport = (specifier: string) => Promise<unknown>;

/** @param require of the calling file, which lies in the same folder; `nativeImport` is its `import()` */
export function runBundle(file: string, require: NodeJS.Require, nativeImport: NativeImport): void {
  const source = readFileSync(file, 'latin1');
  const key = source.slice('/*'.length, '/*'.length + KEY_LENGTH);
  const cacheFile = `${file}.${process.version}-${process.arch}.cache`;
  const cachedData = readCache(cacheFile, key);
  const script = new Script(source, {
    filename: file,
    ...(cachedData ? { cachedData } : {}),
  });
  const content = (): Uint8Array[] => {
    const data = script.createCachedData();
    const header = Buffer.alloc(HEADER_LENGTH);
    header.write(key, 'latin1');
    header.writeUInt32LE(crc32(data), KEY_LENGTH);
    return [header, data];
  };
  const isMissing = !cachedData || script.cachedDataRejected === true;
  const bundle = script.runInThisContext() as Bundle;
  // Node 20 and 22 warn that `require` of an ES module is experimental; it works the same in all that `engines` allows.
  const quietRequire = (name: string): unknown => quietly(/\brequire\(\)/u, (): unknown => require(name));
  bundle(
    quietRequire,
    file,
    dirname(file),
    nativeImport,
    isMissing ? { bundle: file, file: cacheFile, content } : undefined,
  );
}

/** V8 compares no more than the length of the source, and does not expect damage. */
function readCache(file: string, key: string): Buffer | undefined {
  try {
    const stored = readFileSync(file);
    const data = stored.subarray(HEADER_LENGTH);
    const isWhole =
      stored.length > HEADER_LENGTH &&
      stored.toString('latin1', 0, KEY_LENGTH) === key &&
      stored.readUInt32LE(KEY_LENGTH) === crc32(data);
    return isWhole ? data : undefined;
  } catch {
    return undefined;
  }
}
