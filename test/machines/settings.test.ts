// Settings reach TensorFlow: from the config file, from the environment, and the environment goes first. Settings that only a GPU
// would show (growth, limit, visible devices, TF32) are in docs/hardware.md; units test the bytes that request them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { ATTR, TF } from '../../src/engines/dtypes.ts';
import { describeBackend, loadTf } from '../../src/api/tensorflow.ts';
import { runtimesFolder } from '../../src/base/home.ts';

interface Effects {
  /** Threads of TensorFlow's pool between ops, and all others of the process. */
  between: number;
  others: number;
  threads: unknown;
  backend: string;
  /** The result of a random op without a seed. */
  random: string;
}

/** The process's state once TensorFlow computed. */
function effects(): Effects {
  const tf = loadTf();
  tf.matMul(tf.ones([300, 300]), tf.ones([300, 300])).dataSync();
  const names = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim(),
  );
  const between = names.filter((name) => name === 'tf_Compute').length;
  let random = 'ok';
  try {
    tensorflowBackend()?.executeSingleOutput(
      'RandomUniform',
      [
        { name: 'dtype', type: ATTR.TYPE, value: TF.FLOAT },
        { name: 'T', type: ATTR.TYPE, value: TF.INT32 },
        { name: 'seed', type: ATTR.INT, value: 0 },
        { name: 'seed2', type: ATTR.INT, value: 0 },
      ],
      [tf.tensor1d([2], 'int32')],
    );
  } catch (error) {
    random = (error as Error).message;
  }
  const { threads, backend } = describeBackend();
  return { between, others: names.length - between, threads, backend, random };
}

if (process.argv[2] === 'effects') {
  console.log(JSON.stringify(effects()));
  process.exit(0);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-settings-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (
    config: Record<string, unknown>,
    environment: Record<string, string> = {},
  ): Effects & { log: string } => {
    const home = mkdtempSync(join(folder, 'home-'));
    mkdirSync(home, { recursive: true });
    symlinkSync(runtimesFolder(), join(home, 'runtimes'));
    writeFileSync(join(home, 'config.json'), JSON.stringify(config));
    const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, 'effects'], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        TENSORCELL_RUNTIME: 'cpu',
        TENSORCELL_HOME: home,
        TF_CPP_MIN_LOG_LEVEL: '0',
        ...environment,
      },
      timeout: 60_000,
    });
    assert.equal(status, 0, stderr);
    return { ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Effects), log: stderr };
  };
  const ONEDNN = /oneDNN custom operations are on/;

  test('threads, from the config file and over it from the environment', () => {
    const few = run({ threads: 1, 'threads-between': 1 });
    const many = run({ threads: 4, 'threads-between': 5 });
    assert.deepEqual(few.threads, { intraOp: 1, interOp: 1 });
    assert.deepEqual(many.threads, { intraOp: 4, interOp: 5 });
    assert.deepEqual([few.between, many.between], [1, 5]);
    assert.ok(many.others > few.others, `${few.others} and ${many.others} other threads`);
    const over = run(
      { threads: 4, 'threads-between': 5 },
      { TENSORCELL_CONTEXT: JSON.stringify({ interOpThreads: 2 }) },
    );
    // Each option counts for itself: the file fills in what the variable leaves open.
    assert.deepEqual([over.between, over.threads], [2, { intraOp: 4, interOp: 2 }]);
  });

  test('determinism: an op that cannot be deterministic refuses', () => {
    assert.equal(run({}).random, 'ok');
    const refusal = 'RandomUniform: When determinism is enabled, random ops must have a seed specified.';
    assert.equal(run({ deterministic: true }).random, refusal);
    assert.equal(run({ deterministic: false }, { TF_DETERMINISTIC_OPS: '1' }).random, refusal);
  });

  test('oneDNN on and off', () => {
    assert.match(run({ onednn: true }).log, ONEDNN);
    assert.doesNotMatch(run({ onednn: false }).log, ONEDNN);
  });

  test('the runtime, and a config file with a mistake is reported and ignored', () => {
    assert.equal(run({ runtime: 'js' }, { TENSORCELL_RUNTIME: '' }).backend, 'cpu');
    const wrong = run({ 'memory-limits': 4 });
    assert.equal(wrong.backend, 'tensorflow');
    assert.match(wrong.log, /^the config file is not used: .*memory-limits/m);
  });
}
