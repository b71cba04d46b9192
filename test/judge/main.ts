/**
 * Runs tfjs-core's own tests on our backend and writes what came out as JSON to the file that is named:
 *
 *   node judge.mjs RESULTS.json op-by-op|compiled
 *
 * `compiled`: whatever takes gradients is compiled and called again, and its result is that of the compiled call.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Tensor } from '@tensorflow/tfjs';
import { compile, loadTf } from '../../src/api/tensorflow.ts';

/** The result of one spec. */
export interface Verdict {
  name: string;
  status: 'passed' | 'failed' | 'pending' | 'excluded';
  messages: string[];
}

/** The result of a run of the tests. */
export interface Judgement {
  verdicts: Verdict[];
  /** How often something that takes gradients was run compiled, and how often it stayed eager. */
  compiled: number;
  opByOp: number;
  seconds: number;
}

interface JudgeHooks {
  setTestEnvs(envs: object[]): void;
  gradients: { run: (gradient: (...args: unknown[]) => unknown, args: unknown[]) => unknown };
  loadTests(): void;
}

interface JasmineResult {
  fullName: string;
  status: Verdict['status'];
  failedExpectations: { message: string; stack?: string }[];
}

interface Jasmine {
  getEnv(): {
    configure(options: object): void;
    addReporter(reporter: object): void;
    execute(): Promise<{ overallStatus: string }>;
  };
}

const [results = '', mode = 'op-by-op'] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const jasmine = (require('jasmine-core') as { boot(): Jasmine }).boot();
const tf = loadTf();
const hooks = (tf as unknown as Record<symbol, JudgeHooks>)[Symbol.for('tensorcell.judge')] as JudgeHooks;
let compiled = 0;
let opByOp = 0;

if (mode === 'compiled') {
  hooks.gradients.run = (gradient, args) => {
    let refused = false;
    const fast = compile(gradient, {
      say: (line) => {
        refused = true;
        if (process.env['JUDGE_SAY']) console.error(line);
      },
    });
    const given = new Set(args.flat());
    const dispose = (value: unknown): void => {
      // Some of tfjs's gradients give back what they were given.
      if (given.has(value)) return;
      if (value instanceof tf.Tensor) value.dispose();
      else if (typeof value === 'object' && value !== null) Object.values(value).forEach(dispose);
    };
    // The first call runs eagerly, the second is traced and run.
    dispose(fast(...args));
    const result = fast(...args) as Tensor;
    if (fast.traces > 0 && !refused) compiled++;
    else opByOp++;
    fast.dispose();
    return result;
  };
}

hooks.setTestEnvs([
  {
    name: 'tensorflow',
    backendName: 'tensorflow',
    flags: {},
    isDataSync: true,
  },
]);
hooks.loadTests();
const verdicts: Verdict[] = [];
const env = jasmine.getEnv();
env.configure({ random: false, autoCleanClosures: false });
env.addReporter({
  specDone({ fullName, status, failedExpectations }: JasmineResult) {
    verdicts.push({
      name: fullName,
      status,
      messages: failedExpectations.map(({ message, stack }) =>
        process.env['JUDGE_STACKS'] ? `${message}\n${stack}` : message,
      ),
    });
  },
});
const begin = performance.now();
await env.execute();
const judgement: Judgement = { verdicts, compiled, opByOp, seconds: (performance.now() - begin) / 1000 };
writeFileSync(results, JSON.stringify(judgement));
process.exit(0);
