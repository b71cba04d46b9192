/**
 * npm run soak [-- MINUTES]
 *
 * One kernel, for an hour: output to a reader that stalls now and then, many cells, trainings, interrupts, and
 * runtimes that die. It fails on a lost or misplaced line, on an answer that does not come, and on memory or times of
 * cells that keep growing.
 */
import { strict as assert } from 'node:assert';
import { median } from '../bench/statistics.ts';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess } from '../kernel/kernel-process.ts';
import { readSlowly } from '../kernel/slow-reader.ts';
import { cellsOfASession } from './cells.ts';
import { residentMegabytes, runtimeOf } from './memory.ts';

const minutes = Number(process.argv[2] ?? 60);
if (!(minutes > 0)) {
  console.error(`usage: npm run soak [-- MINUTES], not ${process.argv[2]}`);
  process.exit(2);
}

interface Round {
  kernel: number;
  runtime: number;
  /** Of cells that do next to nothing, ms. */
  cell: number;
}

const start = Date.now();
const end = start + minutes * 60_000;
const rounds: Round[] = [];
let megabytes = 0;
let cells = 0;
let deaths = 0;

async function train(client: JupyterClient): Promise<void> {
  const cell = await client.cell(
    `{
       const before = tf.memory().numTensors;
       const model = tf.sequential({ layers: [tf.layers.dense({ units: 8, inputShape: [4] }), tf.layers.dense({ units: 1 })] });
       model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
       const x = tf.ones([32, 4]);
       const y = tf.zeros([32, 1]);
       await model.fit(x, y, { epochs: 3, verbose: 0 });
       tf.dispose([x, y]);
       model.dispose();
       if (typeof model.optimizer?.dispose === 'function') model.optimizer.dispose();
       globalThis.leaked = tf.memory().numTensors - before;
     }`,
    {},
    { ms: 120_000 },
  );
  assert.equal(cell.reply['status'], 'ok', String(cell.reply['evalue']));
  assert.ok(Number((await client.cell('globalThis.leaked')).result) <= 1, 'a training leaves tensors behind');
}

async function interrupt(client: JupyterClient): Promise<void> {
  const cell = await client.startCell('let turns = 0\nfor (;;) turns++');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await client.request('control', 'interrupt_request', {});
  assert.equal((await client.finishCell(cell, 60_000)).reply['ename'], 'Interrupted');
  assert.equal((await client.cell('turns > 0')).result, 'true');
}

async function die(client: JupyterClient): Promise<void> {
  const cell = await client.cell(
    deaths % 2 === 0 ? 'process.exit(3)' : 'process.abort()',
    {},
    { ms: 60_000 },
  );
  assert.equal(cell.reply['status'], 'error');
  assert.equal((await client.cell('1 + 1', {}, { ms: 60_000 })).result, '2');
  deaths++;
}

// A runtime that dies is told of.
const kernel = new KernelProcess({ mayLog: /./ });
let failure: unknown;
try {
  const client = await kernel.client();
  const pid = kernel.child.pid ?? 0;
  for (let round = 0; Date.now() < end || round < 2; round++) {
    const seconds = Math.min(30, Math.max(5, (end - Date.now()) / 4000));
    const until = `performance.now() - started < ${seconds * 1000}`;
    megabytes += (await readSlowly(client, kernel, { until, seconds: seconds + 120 })).lines / 1000;
    await interrupt(client);
    const times = await cellsOfASession(client, round);
    cells += times.length;
    await train(client);
    rounds.push({
      kernel: residentMegabytes(pid),
      runtime: residentMegabytes(runtimeOf(pid)),
      cell: median(times),
    });
    if (round % 5 === 4) await die(client);
    client.drain();
    const last = rounds.at(-1);
    console.log(
      `${((Date.now() - start) / 60_000).toFixed(1).padStart(5)} min  ${megabytes.toFixed(0).padStart(6)} MB  ` +
        `${cells} cells (${last?.cell.toFixed(1)} ms)  kernel ${last?.kernel.toFixed(0)} MB  ` +
        `runtime ${last?.runtime.toFixed(0)} MB  ${deaths} deaths`,
    );
  }
  // The first rounds warm up.
  const settled = rounds.slice(Math.floor(rounds.length / 4), Math.ceil(rounds.length / 2));
  const late = rounds.slice(Math.floor((rounds.length * 3) / 4));
  if (rounds.length >= 8) {
    const grown = median(late.map((each) => each.kernel)) - median(settled.map((each) => each.kernel));
    assert.ok(grown < 40, `the kernel grew by ${grown.toFixed(0)} MB`);
    const slower = median(late.map((each) => each.cell)) / median(settled.map((each) => each.cell));
    assert.ok(slower < 2, `cells take ${slower.toFixed(1)} times as long as in the first half`);
  }
  // Type errors of the last cells come late.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  client.drain();
  await kernel.stop();
} catch (error) {
  failure = error;
  if (kernel.stderr) console.error(`kernel's stderr:\n${kernel.stderr}`);
} finally {
  kernel.kill();
}
if (failure !== undefined) {
  console.error(failure);
  console.log('failed');
  process.exit(1);
}
console.log(`passed: ${megabytes.toFixed(0)} MB, ${cells} cells, ${deaths} deaths of the runtime`);
process.exit(0);
