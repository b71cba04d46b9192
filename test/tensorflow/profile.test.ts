import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadTf, profile, type Profile } from '../../src/api/tensorflow.ts';
import type { ChromeTrace } from '../../src/engines/tensorflow/profile/chrome-trace.ts';
import { nativeBinding } from './native-binding.ts';

const tf = loadTf();
const binding = nativeBinding();

const quiet = { verbose: 0 as never };

function model() {
  const made = tf.sequential({
    layers: [
      tf.layers.dense({ units: 16, activation: 'relu', inputShape: [8] }),
      tf.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  made.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const x = tf.randomNormal([32, 8]);
  const y = tf.oneHot(tf.zeros([32], 'int32'), 3).cast('float32');
  return { made, x, y };
}

/** Parts add up to the wall time, and ops are never longer than what is said of all of them. */
function checkSums({ parts, ops, wallMs }: Profile): void {
  const near = (actual: number, wanted: number, what: string) =>
    assert.ok(Math.abs(actual - wanted) <= 1e-6 * Math.max(1, wallMs), `${what}: ${actual}, not ${wanted}`);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  near(sum(Object.values(parts)), wallMs, 'parts');
  near(sum(ops.map((op) => op.wallMs)), parts.ops, 'ops');
  for (const value of Object.values(parts)) assert.ok(value >= 0, JSON.stringify(parts));
  for (const { kind, busyMs, wallMs: own } of ops)
    assert.ok(own <= busyMs + 1e-6, `${kind} ${own} ${busyMs}`);
}

const calls = (taken: Profile, kind: RegExp) =>
  taken.ops.reduce((sum, op) => sum + (kind.test(op.kind) ? op.calls : 0), 0);

test('a compiled training: ops inside the graph are seen, by kind', async () => {
  const { made, x, y } = model();
  await made.fit(x, y, { batchSize: 8, epochs: 2, ...quiet });
  const taken = await profile(async () => made.fit(x, y, { batchSize: 8, epochs: 2, ...quiet }));
  checkSums(taken);
  assert.equal(taken.value.epoch.length, 2);
  assert.equal(taken.note, undefined);
  assert.ok(taken.parts.ops > 0);
  // Four variables a step, eight steps; two products forward, three backward.
  assert.equal(calls(taken, /^ResourceApplyAdam$/), 32);
  assert.equal(calls(taken, /MatMul$/), 40);
  assert.ok(taken.graphs >= 1 && taken.graphs <= 8, String(taken.graphs));
  assert.ok(taken.downloads.count >= 1);
  assert.deepEqual(
    taken.layers.map(({ layer }) => layer).toSorted(),
    [...made.layers.map(({ name }) => name), 'optimizer'].toSorted(),
  );
  const inLayers = taken.layers.reduce((sum, { wallMs }) => sum + wallMs, 0);
  assert.ok(inLayers > 0 && inLayers <= taken.parts.ops + 1e-6);
  made.dispose();
});

test('eager code, synchronous, with the copies', async () => {
  const data = Float32Array.from({ length: 600 }, (_, i) => i % 7);
  const taken = await profile(() =>
    tf.tidy(() => {
      const a = tf.tensor2d(data, [20, 30]);
      return tf.matMul(a, a, false, true).add(1).sum().dataSync()[0];
    }),
  );
  checkSums(taken);
  const rows = Array.from({ length: 20 }, (_, i) => data.subarray(30 * i, 30 * i + 30));
  const product = rows.flatMap((a) =>
    rows.map((b) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 1)),
  );
  assert.equal(
    taken.value,
    product.reduce((sum, value) => sum + value, 0),
  );
  assert.equal(taken.graphs, 0);
  assert.equal(calls(taken, /MatMul$/), 1);
  assert.equal(calls(taken, /^(?:_Mkl)?Sum$/), 1);
  assert.ok(taken.uploads.bytes >= 2400, String(taken.uploads.bytes));
  assert.equal(taken.downloads.count, 1);
  assert.equal(taken.downloads.bytes, 4);
  assert.ok(taken.parts.transfer > 0 && taken.parts.javascript > 0);
});

test('waiting is idle, and work of JavaScript is not', async () => {
  const waited = await profile(() => sleep(300, 'slept'));
  checkSums(waited);
  assert.equal(waited.value, 'slept');
  assert.deepEqual(waited.ops, []);
  assert.ok(waited.parts.idle > 100, JSON.stringify(waited.parts));
  const busy = await profile(() => {
    const end = performance.now() + 20;
    while (performance.now() < end);
  });
  assert.equal(busy.parts.idle, 0);
  assert.ok(busy.parts.javascript > 19);
});

test('the trace file has every op on its thread, and is JSON that the trace viewer reads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'profile-'));
  try {
    const a = tf.ones([8, 8]);
    const taken = await profile(() => tf.matMul(a, a).dataSync());
    const file = join(folder, 'step.json');
    await taken.save(file);
    const trace = JSON.parse(await readFile(file, 'utf8')) as ChromeTrace;
    assert.deepEqual(trace, JSON.parse(JSON.stringify(taken.trace())));
    const names = new Map(
      trace.traceEvents
        .filter(({ ph, name }) => ph === 'M' && name === 'process_name')
        .map(({ pid, args }) => [pid, args?.['name']]),
    );
    const product = trace.traceEvents.find(({ ph, name }) => ph === 'X' && /MatMul:/.test(name));
    assert.equal(names.get(product?.pid as number), '/host:CPU');
    const call = trace.traceEvents.find(({ name, pid }) => name === 'MatMul' && pid === 1);
    // Both clocks agree: the op lies within the call.
    assert.ok((product?.ts as number) >= (call?.ts as number) - 1000, JSON.stringify([product, call]));
    assert.ok(
      (product?.ts as number) + (product?.dur as number) <=
        (call?.ts as number) + (call?.dur as number) + 1000,
      JSON.stringify([product, call]),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('it is shown as tables and a chart, and in words', async () => {
  const a = tf.ones([8, 8]);
  const taken = await profile(() => tf.matMul(a, a).dataSync());
  const { data } = taken.render();
  assert.match(data['text/plain'] as string, /^[\d.]+ ms: 0 compiled calls, 1 eager op, /);
  assert.match(data['text/plain'] as string, /\nwhere +wall ms +of all\nops +/);
  assert.match(data['text/plain'] as string, /\nop +calls +busy ms +wall ms +of all\n\S*MatMul +1 /);
  assert.match(data['text/html'] as string, /<svg .*<title>Where [\d.]+ ms went: ops .*<\/svg><table/);
});

test('errors come through, a second profile is refused, and everything works afterwards', async () => {
  await assert.rejects(
    profile(() => {
      throw new RangeError('mine');
    }),
    { name: 'RangeError', message: 'mine' },
  );
  const first = profile(() => sleep(20));
  await assert.rejects(
    profile(() => 1),
    { code: 'FAILED_PRECONDITION', message: /one at a time/ },
  );
  await first;
  assert.equal(binding.observer, undefined);
  const before = tf.memory().numTensors;
  for (let i = 0; i < 20; i++) assert.equal((await profile(() => i)).value, i);
  assert.equal(tf.memory().numTensors, before);
});
