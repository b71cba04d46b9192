import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../base/files/index.ts';
import { formatFileSize } from '../../base/text/bytes.ts';
import { LICENCES, type Wheel } from './catalogue.ts';
import { DISK_FULL, explainPipFailure, runPip, SetupError } from './python.ts';

/** Told how far a step is: bytes done of bytes in all. */
export type Progress = (doneBytes: number, totalBytes: number) => void;

/** True when the file is the wheel that was locked: size first, since that costs nothing. */
export async function isWheel(path: string, wheel: Wheel): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.size !== wheel.bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') === wheel.sha256;
}

/** pip's options that ask for exactly this file, whatever Python runs pip. */
export function pipTags(wheel: Wheel): string[] {
  const [python = '', abi = '', platforms = ''] = wheel.file
    .replace(/\.whl$/, '')
    .split('-')
    .slice(2);
  const tags = platforms.split('.').flatMap((platform) => ['--platform', platform]);
  const version = /^cp(\d)(\d+)$/.exec(python);
  if (version)
    tags.push('--python-version', `${version[1]}.${version[2]}`, '--implementation', 'cp', '--abi', abi);
  return tags;
}

/**
 * Fetches a wheel into `folder` with pip, which knows the user's index and proxy. pip moves a file to its place only
 * once its hash was checked; what an interrupted run left in pip's temporary folder is removed by the next.
 */
export async function downloadWheel(
  python: string,
  wheel: Wheel,
  folder: string,
  progress: Progress,
): Promise<string> {
  const target = join(folder, wheel.file);
  if (await isWheel(target, wheel)) return target;
  rmSync(target, { force: true });
  // pip collects in TMPDIR before it moves: here it is on the disk that has the room, and can be watched.
  const temporary = join(folder, 'pip');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const requirements = join(temporary, 'requirements.txt');
  writeWhole(requirements, `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const watch = setInterval(() => progress(Math.min(bytesIn(temporary), wheel.bytes), wheel.bytes), 500);
  try {
    await runPip(
      python,
      [
        'download',
        '--no-deps',
        '--no-cache-dir',
        '--only-binary=:all:',
        '--require-hashes',
        '--progress-bar',
        'off',
        ...pipTags(wheel),
        '--dest',
        folder,
        '-r',
        requirements,
      ],
      wheel.file,
      // A connection that breaks is taken up where it broke, by pip 25.1 and later; older ones do not know the variable.
      { env: { TMPDIR: temporary, PIP_RESUME_RETRIES: '10' } },
    );
  } finally {
    clearInterval(watch);
    rmSync(temporary, { recursive: true, force: true });
  }
  if (!(await isWheel(target, wheel))) {
    throw new SetupError(
      'damaged',
      `${wheel.file} is not the file that was locked for this release: run this again`,
    );
  }
  progress(wheel.bytes, wheel.bytes);
  return target;
}

function bytesIn(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
      .reduce((sum, found) => sum + (found?.isFile() ? found.size : 0), 0);
  } catch {
    // pip removes its folders while we look.
    return 0;
  }
}

/** Unpacks what matches, checks each file's CRC, brings it to the disk and keeps execute permission; prints bytes done of bytes in all. */
const UNPACK = `
import json, os, re, sys, zipfile
wheel, target = sys.argv[1:3]
keep, drop = ([re.compile(p, re.I if f else 0) for p, f in ps] for ps in json.loads(sys.argv[3]))
with zipfile.ZipFile(wheel) as z:
    infos = [i for i in z.infolist() if not i.is_dir() and any(p.search(i.filename) for p in keep)
             and not any(p.search(i.filename) for p in drop)]
    total, done = sum(i.file_size for i in infos), 0
    for i in infos:
        path = os.path.join(target, i.filename)
        if not os.path.realpath(path).startswith(os.path.realpath(target) + os.sep):
            sys.exit('a path in the wheel leads outside: ' + i.filename)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with z.open(i) as source, open(path, 'wb') as out:
            while chunk := source.read(1 << 22):
                out.write(chunk)
                done += len(chunk)
                print(done, total, flush=True)
            out.flush()
            os.fsync(out.fileno())
        if (i.external_attr >> 16) & 0o111 or '/bin/' in i.filename:
            os.chmod(path, 0o755)
print(json.dumps({i.filename: i.file_size for i in infos}))
`;

function patterns(list: readonly RegExp[]): [string, boolean][] {
  return list.map((pattern) => [pattern.source, pattern.ignoreCase]);
}

/** Unpacks what a wheel's entry says to keep, and its licences, into `target`; returns the files with their sizes. */
export async function unpackWheel(
  python: string,
  path: string,
  wheel: Wheel,
  target: string,
  progress: Progress,
): Promise<Record<string, number>> {
  mkdirSync(target, { recursive: true });
  const wanted = JSON.stringify([patterns([...wheel.keep, ...LICENCES]), patterns(wheel.drop ?? [])]);
  const child = spawn(python, ['-c', UNPACK, path, target, wanted], { stdio: ['ignore', 'pipe', 'pipe'] });
  let rest = '';
  let listing = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const step = /^(\d+) (\d+)$/.exec(line);
      if (step) progress(Number(step[1]), Number(step[2]));
      else listing = line;
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) {
    if (DISK_FULL.test(errors)) throw explainPipFailure(errors, wheel.file);
    throw new SetupError(
      'damaged',
      `${wheel.file} could not be unpacked: ${errors.trim().split('\n').at(-1)}`,
    );
  }
  return JSON.parse(listing) as Record<string, number>;
}

/** Throws when the disk that holds `folder` has less room than `bytes`. */
export function requireSpace(folder: string, bytes: number, what: string): void {
  let at = folder;
  while (!existsSync(at)) at = join(at, '..');
  const disk = statfsSync(at);
  const free = disk.bavail * disk.bsize;
  if (free < bytes) {
    throw new SetupError(
      'disk-full',
      `${what} needs ${formatFileSize(bytes)} in ${folder}, and ${formatFileSize(free)} are free: free some space, or set TENSORCELL_HOME to a folder on another disk`,
    );
  }
}
