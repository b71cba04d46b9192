import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import {
  compile,
  describeBackend,
  loadTf,
  preload,
  restoreEngineState,
  saveEngineState,
} from '../../src/api/tensorflow.ts';

// Each case needs a separate process: this file runs itself again, with the case's name as argument.

const cases: Record<string, () => unknown> = {
  async preload() {
    let gap = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gap = Math.max(gap, now - last);
      last = now;
    }, 1);
    const begin = performance.now();
    await preload();
    const took = performance.now() - begin;
    clearInterval(timer);
    const rest = performance.now();
    const tf = loadTf();
    return {
      backend: tf.getBackend(),
      sum: tf.add(1, 2).arraySync(),
      blocked: gap < took,
      finish: performance.now() - rest < took,
    };
  },

  async 'first use while preloading'() {
    const preloading = preload();
    const tf = loadTf();
    const sum = tf.add(1, 2).arraySync();
    await preloading;
    return { backend: tf.getBackend(), sum, again: loadTf() === tf && tf.add(sum, 1).arraySync() };
  },

  cpu() {
    const before = describeBackend();
    const tf = loadTf();
    tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])).dataSync();
    loadTf();
    return { before: before.backend, backend: tf.getBackend(), devices: describeBackend().devices };
  },

  async options() {
    const { loadedTensorflow } = await import('../../src/engines/tensorflow/loading.ts');
    const tf = loadTf();
    const { engine } = tensorflowBackend() as NonNullable<ReturnType<typeof tensorflowBackend>>;
    const names = describeBackend().devices.map(({ name }) => name);
    engine.device = names[1] as string;
    const sum = tf.add(1, 2).arraySync();
    return { names, threads: describeBackend().threads, sum, loaded: loadedTensorflow() !== undefined };
  },

  async 'interrupt compiled'() {
    const tf = loadTf();
    const control = new Worker(process.argv[1] as string, { workerData: 'control' });
    await new Promise((resolve) => control.once('message', resolve));
    const interrupted = async (cell: () => void) => {
      const state = saveEngineState();
      const terminated = new Promise((resolve) => control.once('message', resolve));
      setTimeout(cell);
      control.postMessage('terminate soon', []);
      await terminated;
      restoreEngineState(state);
    };
    const weight = tf.variable(tf.scalar(3));
    let calls = 0;
    const endless = compile((x: Scalar) => {
      weight.assign(weight.add(1));
      if (++calls === 1) return x;
      for (let y = x; ;) y = y.add(weight);
    });
    endless(tf.scalar(1));
    // Terminated inside the trace.
    await interrupted(() => endless(tf.scalar(1)));
    const assigned = weight.arraySync();
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] });
    model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' });
    const x = tf.ones([8, 4]);
    const y = tf.ones([8, 1]);
    await model.trainOnBatch(x, y);
    const { model: inner } = model as unknown as {
      model: { makeTrainFunction(): (data: Tensor[]) => Tensor[] };
    };
    const step = inner.makeTrainFunction();
    for (let round = 0; round < 4; round++) {
      // Terminated in or between compiled steps.
      await interrupted(() => {
        for (;;) tf.dispose(step([x, y]));
      });
    }
    const loss = await model.trainOnBatch(x, y);
    const weights = model.getWeights().flatMap((tensor) => Array.from(tensor.dataSync()));
    await control.terminate();
    return {
      assigned,
      trained: (loss as number) < 1e-6 && Math.abs(weights.reduce((sum, value) => sum + value, 0) - 1) < 1e-3,
      weights: weights.length,
    };
  },

  async interrupt() {
    const tf = loadTf();
    const { binding } = tensorflowBackend() as NonNullable<ReturnType<typeof tensorflowBackend>>;
    const control = new Worker(process.argv[1] as string, { workerData: 'control' });
    await new Promise((resolve) => control.once('message', resolve));
    const kept = tf.variable(tf.ones([10, 10]));
    const outer = tf.tidy(() => tf.ones([3]));
    const handles = binding.getNumOfTensors();
    const engine = tf.engine() as unknown as { state: { scopeStack: unknown[]; gradientDepth: number } };
    const rounds: unknown[] = [];
    const cell = () =>
      tf.tidy(() =>
        tf.tidy(() => {
          const { value } = tf.variableGrads(() => {
            let loss = tf.sum(tf.matMul(kept as never, kept as never)).asScalar();
            for (;;) loss = tf.add(loss, tf.sum(kept)).mul<Scalar>(0.5);
          }, [kept]);
          rounds.push('ended by itself');
          return value;
        }),
      );
    for (let round = 0; round < 3; round++) {
      const state = saveEngineState();
      // Termination ends all JavaScript that is on the stack: the cell runs in a separate callback.
      const terminated = new Promise((resolve) => control.once('message', resolve));
      setTimeout(cell);
      control.postMessage('terminate soon', []);
      await terminated;
      rounds.push([engine.state.scopeStack.length, engine.state.gradientDepth]);
      restoreEngineState(state);
      rounds.push([engine.state.scopeStack.length, engine.state.gradientDepth]);
    }
    // The handle of an op that was under way when the cell ended may stay.
    const leaked = binding.getNumOfTensors() - handles;
    const grad = tf.tidy(() =>
      tf
        .grad((x) => tf.square(x))(tf.scalar(3))
        .arraySync(),
    );
    await control.terminate();
    return { rounds, few: leaked <= 6 ? true : leaked, grad, outer: Array.from(outer.dataSync()) };
  },
};

const asked = process.argv[2];
if (!isMainThread && workerData === 'control') {
  const session = new Session();
  session.connectToMainThread();
  const port = parentPort as Pick<Worker, 'on' | 'postMessage'> | null;
  port?.on('message', () => {
    setTimeout(() => {
      session.post('Runtime.terminateExecution', () => {
        port?.postMessage('terminated');
      });
    }, 300);
  });
  port?.postMessage('ready');
} else if (asked !== undefined && asked in cases) {
  console.log(JSON.stringify(await cases[asked]?.()));
} else {
  const run = (name: string, environment: Record<string, string> = {}) => {
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--no-force-async-hooks-checks', process.argv[1] as string, name],
      {
        encoding: 'utf8',
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...environment },
        timeout: 60_000,
      },
    );
    assert.deepEqual([status, signal], [0, null], stderr);
    return { value: JSON.parse(stdout.trim().split('\n').at(-1) as string) as unknown, stdout, stderr };
  };

  test('preloading leaves little for the first use, and the process ends cleanly', () => {
    assert.deepEqual(run('preload').value, { backend: 'tensorflow', sum: 3, blocked: true, finish: true });
  });

  test('a first use in the middle of preloading waits for it', () => {
    assert.deepEqual(run('first use while preloading').value, { backend: 'tensorflow', sum: 3, again: 4 });
  });

  test('without a runtime the JavaScript backend serves, and it is said once how to install one', () => {
    const home = mkdtempSync(join(tmpdir(), 'tensorcell-home-'));
    try {
      const { value, stderr } = run('cpu', { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' });
      assert.deepEqual(value, { before: 'cpu', backend: 'cpu', devices: [] });
      assert.equal(
        stderr.trim(),
        'No TensorFlow build is installed: tf runs in plain JavaScript, many times slower. ' +
          '`tensorcell runtime install` installs TensorFlow; restart the kernel afterwards.',
      );
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test('a runtime that is not there is named, and tf still works', () => {
    const { value, stderr } = run('cpu', { TENSORCELL_RUNTIME: '/nowhere' });
    assert.deepEqual(value, { before: 'cpu', backend: 'cpu', devices: [] });
    assert.match(
      stderr,
      /^TENSORCELL_RUNTIME is \/nowhere, but there is no libtensorflow_cc\.so\.2 in \/nowhere/,
    );
  });

  test('options of the context come from the environment, and ops go to the device that is set', () => {
    const { value } = run('options', {
      TENSORCELL_CONTEXT: JSON.stringify({ deviceCount: { CPU: 2 }, intraOpThreads: 1, interOpThreads: 1 }),
    });
    assert.deepEqual(value, {
      names: ['/job:localhost/replica:0/task:0/device:CPU:0', '/job:localhost/replica:0/task:0/device:CPU:1'],
      threads: { intraOp: 1, interOp: 1 },
      sum: 3,
      loaded: true,
    });
  });

  test('a cell terminated inside nested tidy and gradients leaves the engine as it was', () => {
    const { rounds, ...rest } = run('interrupt').value as { rounds: [number, number][] };
    assert.deepEqual(rest, { few: true, grad: 6, outer: [1, 1, 1] });
    assert.equal(rounds.length, 6);
    for (const [i, [scopes, depth]] of rounds.entries()) {
      // Two scopes of tidy, one of the gradient, and one of the op that runs, if there is one at that moment; then none.
      const expected = i % 2 === 0 ? [3, 4] : [0];
      assert.ok(expected.includes(scopes), `round ${i}: ${scopes} scopes`);
      assert.equal(depth, i % 2 === 0 ? 1 : 0);
    }
  });

  test('a cell terminated inside a trace or a compiled step leaves variables and tf usable', () => {
    assert.deepEqual(run('interrupt compiled').value, { assigned: 4, trained: true, weights: 5 });
  });
}
