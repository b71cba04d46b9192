/**
 * npm run bench -- training [--seconds N] [--rounds N]
 *
 * The cost of the display of a training: in a real kernel, with a client that reads all of it, the same training with its
 * live display and without it takes turns. Counted are the display's messages and their bytes. Printed in addition is
 * the time that the training's own thread spends on drawing and sending, which the noise of a shared machine does not touch:
 * it has to stay under 1 % (after the first 40 ms).
 */
import { parseArgs } from 'node:util';
import { installNotebookHost } from '../../../src/base/host.ts';
import { loadTf } from '../../../src/api/tensorflow.ts';
import { LiveDisplay } from '../../../src/training/live-display.ts';
import type { JupyterClient } from '../../kernel/jupyter-client.ts';
import { withKernel } from '../../kernel/kernel-process.ts';
import { recordingHost } from '../../unit/recording-host.ts';
import { median, table } from '../statistics.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, rounds: { type: 'string', default: '3' } },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

/** Models whose steps are short, where a display weighs most. `units`: of two hidden layers. */
const MODELS = [
  { name: 'MLP 64-128-128-10, batch 32', inputs: 64, units: 128, batch: 32 },
  { name: 'MLP 256-512-512-10, batch 128', inputs: 256, units: 512, batch: 128 },
];

function source({ inputs, units }: (typeof MODELS)[number]): string {
  return `
const model = tf.sequential({ layers: [
  tf.layers.dense({ inputShape: [${inputs}], units: ${units}, activation: 'relu' }),
  tf.layers.dense({ units: ${units}, activation: 'relu' }),
  tf.layers.dense({ units: 10, activation: 'softmax' }),
] });
model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
const x = tf.randomNormal([6400, ${inputs}], 0, 1, 'float32', 1);
const y = tf.oneHot(x.slice([0, 0], [-1, 10]).argMax(1), 10).toFloat();
`;
}

interface Sent {
  seconds: number;
  messages: number;
  bytes: number;
}

async function fit(client: JupyterClient, batch: number, epochs: number, progress: string): Promise<Sent> {
  const started = performance.now();
  const cell = await client.cell(
    `await model.fit(x, y, { epochs: ${epochs}, batchSize: ${batch}, progress: '${progress}', validationSplit: 0.1 });`,
    { allow_stdin: true },
    { ms: 600_000 },
  );
  if (cell.reply['status'] !== 'ok') throw new Error(String(cell.reply['evalue']));
  const shown = [...cell.of('display_data'), ...cell.of('update_display_data')];
  const bytes = shown.reduce((sum, content) => sum + JSON.stringify(content).length, 0);
  return { seconds: (performance.now() - started) / 1000, messages: shown.length, bytes };
}

async function inKernel(model: (typeof MODELS)[number]): Promise<{ shown: Sent; quiet: number }> {
  let result: { shown: Sent; quiet: number } | undefined;
  await withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(source(model), {}, { ms: 120_000 });
    await fit(client, model.batch, 3, 'chart');
    const trial = await fit(client, model.batch, 10, 'quiet');
    const epochs = Math.max(10, Math.round((10 * seconds) / trial.seconds));
    const shown: Sent[] = [];
    const quiet: number[] = [];
    for (let round = 0; round < rounds; round++) {
      quiet.push((await fit(client, model.batch, epochs, 'quiet')).seconds);
      shown.push(await fit(client, model.batch, epochs, 'chart'));
    }
    result = {
      shown: {
        seconds: median(shown.map((one) => one.seconds)),
        messages: median(shown.map((one) => one.messages)),
        bytes: median(shown.map((one) => one.bytes)),
      },
      quiet: median(quiet),
    };
    client.drain();
  });
  return result as unknown as { shown: Sent; quiet: number };
}

/** Milliseconds that drawing and sending took of a training in this very process: live, and for what stays at the end. */
async function ownTime(model: (typeof MODELS)[number]): Promise<{ all: number; live: number; last: number }> {
  const tf = loadTf();
  const { host } = recordingHost();
  installNotebookHost(host);
  let live = 0;
  let last = 0;
  // oxlint-disable-next-line typescript/unbound-method -- called with `this`, and put back
  const { show } = LiveDisplay.prototype;
  LiveDisplay.prototype.show = function timed(...args) {
    const start = performance.now();
    show.apply(this, args);
    if (args[1] === 'ended') last += performance.now() - start;
    else live += performance.now() - start;
  };
  try {
    const made = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [model.inputs], units: model.units, activation: 'relu' }),
        tf.layers.dense({ units: model.units, activation: 'relu' }),
        tf.layers.dense({ units: 10, activation: 'softmax' }),
      ],
    });
    made.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    const x = tf.randomNormal([6400, model.inputs], 0, 1, 'float32', 1);
    const y = tf.oneHot(tf.argMax(x.slice([0, 0], [-1, 10]), 1), 10).toFloat();
    const args = { batchSize: model.batch, validationSplit: 0.1 };
    await made.fit(x, y, { ...args, epochs: 3 });
    const trial = performance.now();
    await made.fit(x, y, { ...args, epochs: 10 });
    const epochs = Math.max(10, Math.round((10_000 * seconds) / (performance.now() - trial)));
    live = 0;
    last = 0;
    const start = performance.now();
    await made.fit(x, y, { ...args, epochs });
    const all = performance.now() - start;
    tf.dispose([x, y]);
    made.dispose();
    return { all, live, last };
  } finally {
    LiveDisplay.prototype.show = show;
    installNotebookHost(undefined);
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const lines = [
  [
    'model',
    'seconds',
    'without display',
    'ratio',
    'messages',
    'a second',
    'kB each',
    'drawing',
    'the chart that stays',
  ],
];
for (const model of MODELS) {
  const { shown, quiet } = await inKernel(model);
  const own = await ownTime(model);
  lines.push([
    model.name,
    shown.seconds.toFixed(2),
    quiet.toFixed(2),
    (shown.seconds / quiet).toFixed(3),
    String(shown.messages),
    (shown.messages / shown.seconds).toFixed(1),
    (shown.bytes / shown.messages / 1000).toFixed(1),
    percent(own.live / own.all),
    `${own.last.toFixed(0)} ms, once`,
  ]);
}
console.log(table(lines));
