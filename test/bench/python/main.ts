/**
 * npm run bench -- python [--python PATH] [--rounds N] [--largest MB]
 *
 * float32 tensors to Python and back, from cells of a real kernel: through shared memory as users get it, through a file
 * in /dev/shm, and as JSON, one after the other in each round. Printed are medians; *cold* is the first conversion of a
 * size, whose memory has never been touched.
 */
import { existsSync, statfsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RunningKernel } from '../kernel/kernels.ts';
import { figure, median, table } from '../statistics.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    largest: { type: 'string', default: '1000' },
  },
});
const rounds = Number(options.rounds);
const root = process.cwd();
const own = join(root, '.venv', 'bin', 'python');
const python = options.python ?? (existsSync(own) ? own : 'python3');

/** Bytes. */
const sizes = [1e3, 32e3, 1e6, 32e6, 256e6, 1e9].filter((size) => size <= Number(options.largest) * 1e6);
/** JSON beyond this takes minutes, and strings end at 512 MB. */
const LARGEST_JSON = 4e6;

/** The measurements of a cell: milliseconds by row. */
function cell(bytes: number, file: boolean, json: boolean): string {
  return `
const { readFileSync, rmSync, writeFileSync } = await import('node:fs');
const times: Record<string, number> = {};
const timed = async (name: string, action: () => Promise<unknown>) => {
  const start = performance.now();
  await action();
  times[name] = performance.now() - start;
};
const path = '/dev/shm/tensorcell-bench-' + process.pid;
{
  const tensor = tf.fill([${bytes / 4}], 0.5);
  tensor.slice(0, 1).dataSync();
  await timed('to Python', () => python.set('x', tensor));
  await timed('from Python', async () => ((await python.get('x')) as tf.Tensor).dispose());
  ${
    file
      ? `try {
    await timed('file to Python', async () => {
      writeFileSync(path, tensor.dataSync());
      await python.run("f = __import__('numpy').fromfile(" + JSON.stringify(path) + ", 'float32')");
    });
    await timed('file from Python', async () => {
      await python.run('f.tofile(' + JSON.stringify(path) + ')');
      const bytes = readFileSync(path);
      tf.tensor(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)).dispose();
    });
  } finally { rmSync(path, { force: true }); }`
      : ''
  }
  ${
    json
      ? `await timed('JSON to Python', async () => {
    await python.set('j', Array.from(tensor.dataSync()));
    await python.run("j = __import__('numpy').array(j, 'float32')");
  });
  await timed('JSON from Python', async () => tf.tensor((await python.get('j.tolist()')) as number[]).dispose());`
      : ''
  }
  tensor.dispose();
  await python.run('x = f = j = None');
}
JSON.stringify(times)`;
}

async function value(kernel: RunningKernel, code: string): Promise<string> {
  const exchange = await kernel.client.execute(code, 300_000);
  if (exchange === undefined) throw new Error('the kernel did not answer within 300 s');
  const { status, ename, evalue } = exchange.reply;
  if (status !== 'ok') throw new Error(`${String(ename)}: ${String(evalue)}`);
  const result = exchange.output.find(({ type }) => type === 'execute_result');
  const data = result?.content['data'] as Record<string, string> | undefined;
  // A string is shown as a literal.
  return data === undefined ? '' : (data['text/plain'] ?? '').slice(1, -1);
}

const results = new Map<string, number[]>();
const kernel = await RunningKernel.start({
  name: 'tensorcell',
  language: 'typescript',
  command: (file) => [process.execPath, join(root, 'dist', 'kernel.cjs'), file],
});
try {
  await value(
    kernel,
    `await python.use(${JSON.stringify(python)}); await python.run('import numpy'); tf.scalar(1).dataSync(); ''`,
  );
  const { bavail, bsize } = statfsSync('/dev/shm');
  for (const bytes of sizes) {
    const file = bavail * bsize > 1.1 * bytes;
    if (!file) console.log(`/dev/shm has no room for ${figure(bytes / 1e6)} MB: no row of files for it`);
    const many = bytes >= 256e6 ? Math.min(rounds, 3) : rounds;
    for (let round = 0; round <= many; round++) {
      const times = JSON.parse(await value(kernel, cell(bytes, file, bytes <= LARGEST_JSON))) as Record<
        string,
        number
      >;
      for (const [name, time] of Object.entries(times)) {
        const row = `${bytes} ${round === 0 ? 'cold ' : ''}${name}`;
        results.set(row, [...(results.get(row) ?? []), time]);
      }
    }
  }
} finally {
  await kernel.stop();
}

const at = (bytes: number, name: string) => figure(median(results.get(`${bytes} ${name}`) ?? []));
const columns = [
  'to Python',
  'from Python',
  'file to Python',
  'file from Python',
  'JSON to Python',
  'JSON from Python',
];
console.log(
  `\nfloat32, milliseconds; ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`,
);
console.log(
  table([
    ['bytes', 'to Python', 'cold', 'from Python', 'cold', ...columns.slice(2)],
    ...sizes.map((bytes) => [
      bytes.toLocaleString('en'),
      at(bytes, 'to Python'),
      at(bytes, 'cold to Python'),
      at(bytes, 'from Python'),
      at(bytes, 'cold from Python'),
      ...columns.slice(2).map((name) => at(bytes, name)),
    ]),
  ]),
);
