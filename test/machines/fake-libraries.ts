// Builds the stand-ins for drivers' libraries with gcc, once for each source.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const sources = join(process.cwd(), 'test', 'machines', 'libraries');
const cache = join(process.cwd(), '.cache', 'machines');

export type FakeLibrary = 'nvml' | 'nvml-old' | 'cuda' | 'dxcore';

export function hasCompiler(): boolean {
  return spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Path of the built library. */
export function fakeLibrary(name: FakeLibrary): string {
  const [source, ...flags] = name === 'nvml-old' ? ['nvml', '-DOLD'] : [name];
  const file = join(sources, `${source}.c`);
  const mark = createHash('sha256').update(readFileSync(file)).update(name).digest('hex').slice(0, 16);
  const target = join(cache, `${name}-${mark}.so`);
  if (!existsSync(target)) {
    mkdirSync(cache, { recursive: true });
    const fresh = `${target}.${process.pid}`;
    execFileSync('gcc', [
      '-Wall',
      '-Wextra',
      '-Werror',
      '-O1',
      '-shared',
      '-fPIC',
      ...flags,
      '-o',
      fresh,
      file,
    ]);
    renameSync(fresh, target);
  }
  return target;
}

let probe: Promise<string> | undefined;

/** The script that asks drivers, bundled from the sources as the build does it. */
export function probeFile(): Promise<string> {
  return (probe ??= (async () => {
    mkdirSync(cache, { recursive: true });
    const outfile = join(cache, `probe-${process.pid}.mjs`);
    await build({
      entryPoints: [join(process.cwd(), 'src/machine/devices/probe/main.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile,
      logLevel: 'error',
    });
    return outfile;
  })());
}
