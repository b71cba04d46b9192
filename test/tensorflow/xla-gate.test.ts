/** XLA is tried in a child process first. There is no GPU in these tests: the trial itself is real, on the CPU. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { disposeProbes, thisMachine } from '../../src/machine/devices/index.ts';
import { takeInventory } from '../../src/machine/devices/inventory.ts';
import { CUDA_WHEEL, detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import { parseXlaTrials, xlaTrialsFile } from '../../src/machine/devices/xla.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import {
  driverFiles,
  setXlaGate,
  XlaGate,
  xlaSubject,
  type XlaGateOptions,
} from '../../src/engines/tensorflow/xla/gate.ts';
import { callAutotuners } from '../../src/compile/execution/call-autotuner.ts';
import { loopAutotuners } from '../../src/compile/execution/loop-autotuner.ts';
import { MARK } from '../../src/engines/tensorflow/xla/trial.ts';
import { cudaReport } from '../../src/engines/tensorflow/cuda-driver.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { fakeLibrary, hasCompiler } from '../machines/fake-libraries.ts';
import { simulatedMachine } from '../machines/simulated-machine.ts';
import { SPECS } from '../machines/specs.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-xla-gate-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const TRIAL = join(process.cwd(), 'dist', 'xla-trial.js');
// The build that the tests compute with is in the user's folder; what is remembered is not.
const runtime = detectRuntimes(thisMachine())[0]?.path ?? '';

const about = {
  device: 'NVIDIA GeForce RTX 4070',
  capabilities: ['8.9'],
  cuda: '12.8',
  driver: '/usr/lib/libcuda.so.570.86.15',
  build: 'cuda-2.21.0',
};

let homes = 0;
function newHome(): string {
  const home = join(folder, `home-${homes++}`);
  mkdirSync(home);
  return home;
}

let programs = 0;
/** A child's program that leaves a mark where it ran. */
function program(code: string): { script: string; ran: () => boolean } {
  const script = join(folder, `program-${programs++}.mjs`);
  const trace = `${script}.ran`;
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(trace)}, '');\n${code}\n`,
  );
  return { script, ran: () => existsSync(trace) };
}

function gateWith(script: string, home: string, options: Partial<XlaGateOptions> = {}): XlaGate {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new XlaGate({
    subject: () => ({ about, build: CUDA_WHEEL }),
    script,
    environment: { ...env, TENSORCELL_HOME: home, TENSORCELL_RUNTIME: runtime },
    limitMs: 60_000,
    ...options,
  });
}

const remembered = (home: string) => {
  const file = xlaTrialsFile({ TENSORCELL_HOME: home });
  return parseXlaTrials(existsSync(file) ? readFileSync(file, 'utf8') : undefined);
};

async function outcome(gate: XlaGate): Promise<{ state: string; why: string | undefined }> {
  gate.look();
  // The child does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  await gate.settled();
  clearInterval(alive);
  return { state: gate.look(), why: gate.why };
}

const CRASH = "process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 60_000);";

test('a trial compiles with XLA in a child process, once', { skip: runtime === '' }, async () => {
  const home = newHome();
  const gate = gateWith(TRIAL, home, { limitMs: 300_000 });
  assert.equal(gate.look(), 'trying');
  assert.deepEqual(await outcome(gate), { state: 'open', why: undefined });
  const [trial, ...others] = remembered(home);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [trial?.works, trial?.why, trial?.device, trial?.build],
    [true, 'compiled on CPU:0', about.device, about.build],
  );
  const again = program(CRASH);
  assert.equal(gateWith(again.script, home).look(), 'open');
  assert.equal(again.ran(), false);
});

const children: Record<string, [code: string, why: RegExp]> = {
  'ends by a signal': [CRASH, /^the child process that tried XLA ended with SIGSEGV$/],
  'aborts with a message of LLVM': [
    "console.error('starting\\nLLVM ERROR: Cannot select: intrinsic\\nat 0x1'); process.abort();",
    /^the child process that tried XLA ended with SIGABRT \(LLVM ERROR: Cannot select: intrinsic\)$/,
  ],
  throws: ["throw new Error('no device')", /ended with exit code 1/],
  'ends without an answer': ['', /ended with exit code 0/],
  'answers with half a line': [
    `process.stdout.write(${JSON.stringify(`${MARK}{"works": tr`)})`,
    /ended with exit code 0/,
  ],
  'answers and then crashes': [
    `process.stdout.write(${JSON.stringify(`${MARK}{"works":true,"why":"","passing":false}\n`)}, () => process.kill(process.pid, 'SIGSEGV')); setTimeout(() => {}, 60_000);`,
    /ended with SIGSEGV/,
  ],
};

for (const [name, [code, why]] of Object.entries(children)) {
  test(`a child that ${name} is remembered as a failure`, async () => {
    const home = newHome();
    const result = await outcome(gateWith(program(code).script, home));
    assert.equal(result.state, 'shut');
    assert.match(result.why ?? '', why);
    assert.deepEqual(
      remembered(home).map((trial) => [trial.works, trial.why]),
      [[false, result.why]],
    );
    const again = program(CRASH);
    const next = gateWith(again.script, home);
    assert.deepEqual([next.look(), next.why, again.ran()], ['shut', result.why, false]);
    // Another driver is another trial.
    const updated = { ...about, driver: '/usr/lib/libcuda.so.575.1' };
    const other = gateWith(again.script, home, { subject: () => ({ about: updated, build: CUDA_WHEEL }) });
    assert.equal((await outcome(other)).state, 'shut');
    assert.equal(again.ran(), true);
    assert.equal(remembered(home).length, 2);
  });
}

test('a child that gives no answer is ended, and tried again after seven days', async () => {
  const home = newHome();
  const hangs = program('setInterval(() => {}, 1000);');
  const result = await outcome(gateWith(hangs.script, home, { limitMs: 1000 }));
  assert.deepEqual(result, {
    state: 'shut',
    why: 'the child process that tried XLA gave no answer within 1 s',
  });
  assert.equal(gateWith(hangs.script, home).look(), 'shut');
  const file = xlaTrialsFile({ TENSORCELL_HOME: home });
  const [trial] = remembered(home);
  writeFileSync(file, JSON.stringify({ trials: [{ ...trial, at: Date.now() - 8 * 24 * 3600 * 1000 }] }));
  const again = program(CRASH);
  await outcome(gateWith(again.script, home));
  assert.equal(again.ran(), true);
  assert.deepEqual(
    remembered(home).map(({ timedOut }) => timedOut),
    [false],
  );
});

test('temporary failures are not remembered: a child that cannot be started, or has no memory', async () => {
  const home = newHome();
  const crash = program(CRASH);
  const gates = [
    gateWith(crash.script, home, { node: join(folder, 'no-node') }),
    gateWith(join(folder, 'missing.js'), home),
    gateWith(
      program(`console.log(${JSON.stringify(`${MARK}{"works":false,"why":"out of memory","passing":true}`)})`)
        .script,
      home,
    ),
  ];
  const results = [];
  for (const gate of gates) results.push(await outcome(gate));
  assert.deepEqual(
    results.map(({ state }) => state),
    ['shut', 'shut', 'shut'],
  );
  assert.match(results[0]?.why ?? '', /cannot be started: spawn .*no-node ENOENT/);
  assert.match(results[1]?.why ?? '', /cannot be started: .*missing\.js is missing/);
  assert.deepEqual(remembered(home), []);
});

test('a damaged file of trials, and a folder that cannot be written, are tolerated', async () => {
  const home = newHome();
  writeFileSync(xlaTrialsFile({ TENSORCELL_HOME: home }), '{"trials": [{"device"');
  assert.equal((await outcome(gateWith(program(CRASH).script, home))).state, 'shut');
  assert.equal(remembered(home).length, 1);
  const blocked = join(folder, 'a file');
  writeFileSync(blocked, '');
  assert.equal((await outcome(gateWith(program(CRASH).script, blocked))).state, 'shut');
});

test('a GPU that is newer than the build is refused without a trial', () => {
  const home = newHome();
  const crash = program(CRASH);
  const blackwell = { ...about, device: 'NVIDIA GeForce RTX 5090', capabilities: ['8.9', '12.0'] };
  const gate = gateWith(crash.script, home, { subject: () => ({ about: blackwell, build: CUDA_WHEEL }) });
  assert.equal(gate.look(), 'shut');
  assert.match(gate.why ?? '', /compute capability 12\.0.* supports GPUs up to 9\.0/);
  assert.deepEqual([crash.ran(), remembered(home)], [false, []]);
});

const noCompiler = hasCompiler() ? false : 'gcc is missing: it builds the fake driver library';

test(
  'the driver says what is tried, and the doctor finds that trial again',
  { skip: noCompiler },
  async () => {
    const machine = await simulatedMachine(SPECS['wsl2-nvidia']!);
    try {
      const report = cudaReport([fakeLibrary('cuda')]);
      const maps =
        '7f1 r-xp 00 08:01 5 /usr/lib/wsl/lib/libcuda.so.1\n7f2 r-xp 00 08:01 5 /usr/lib/wsl/lib/libcuda.so.1\n' +
        '7f3 r-xp 00 08:01 6 /usr/lib/wsl/drivers/nv_dispi.inf_amd64_1a/libcuda.so.1.1\n7f4 rw-p 00 00:00 0 [heap]\n';
      const subject = xlaSubject(1, report, driverFiles(maps), 'cuda-2.21.0');
      assert.equal(
        subject.driver,
        '/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1a/libcuda.so.1.1:/usr/lib/wsl/lib/libcuda.so.1',
      );
      const home = newHome();
      const crash = program(CRASH);
      await outcome(gateWith(crash.script, home, { subject: () => ({ about: subject, build: CUDA_WHEEL }) }));
      assert.equal(crash.ran(), true);
      const [trial] = remembered(home);
      const { devices } = await takeInventory(machine);
      const { name, computeCapability, cudaVersion } = devices.find(({ vendor }) => vendor === 'NVIDIA')!;
      assert.deepEqual(
        [trial?.device, trial?.capabilities, trial?.cuda],
        [name, [computeCapability], cudaVersion],
      );
      process.env['FAKE_NVML'] = 'blackwell';
      const newer = xlaSubject(1, cudaReport([fakeLibrary('cuda')]), '', 'cuda-2.21.0');
      const refused = program(CRASH);
      const gate = gateWith(refused.script, home, { subject: () => ({ about: newer, build: CUDA_WHEEL }) });
      assert.deepEqual([gate.look(), refused.ran()], ['shut', false]);
      assert.match(gate.why ?? '', /compute capability 12\.0/);
    } finally {
      delete process.env['FAKE_NVML'];
      machine.dispose();
      disposeProbes();
    }
  },
);

for (const setting of ['on', 'auto'] as const) {
  test(`a training goes on with the graph after a child crashed: TENSORCELL_XLA=${setting}`, async () => {
    process.env['TENSORCELL_XLA'] = setting;
    const gate = gateWith(program(CRASH).script, newHome());
    setXlaGate(gate);
    try {
      const tf = loadTf();
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const { history } = await model.fit(tf.ones([256, 2]), tf.ones([256, 1]), {
        batchSize: 1,
        epochs: setting === 'on' ? 2 : 100,
        verbose: 0 as never,
      });
      await outcome(gate);
      for (let i = 0; i < 100; i++) await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
      assert.ok((history['loss']?.at(-1) as number) < 1e-6);
      const steps = trainingSteps(model)?.steps() ?? [];
      const loops = steps.flatMap((step) => [...loopAutotuners.all(step).values()]);
      const calls = steps.flatMap((step) => [...callAutotuners.all(step).values()]);
      assert.ok(loops.length > 0);
      assert.ok(calls.length > 0);
      const choices = [...loops, ...calls];
      for (const { state } of choices) assert.equal(state, 'idle', 'XLA compiled in this process');
      if (setting === 'on') {
        assert.equal(gate.look(), 'shut');
        for (const { reason } of choices) assert.match(reason ?? '', /ended with SIGSEGV/);
      }
      model.dispose();
    } finally {
      setXlaGate(undefined);
      delete process.env['TENSORCELL_XLA'];
    }
  });
}
