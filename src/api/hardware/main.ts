// One step of `tensorcell hardware-test`, in a separate process: a step that hangs or dies ends this one alone.
import { asError } from '../../engines/errors.ts';
import type { StepOutcome } from '../../machine/hardware/report.ts';
import { MARK } from '../../machine/hardware/run-step.ts';
import type { StepContext } from './context.ts';
import { determinism } from './determinism.ts';
import { doctor, firstOp, loading, memoryGrowth, nvml, query, twoDevices } from './devices.ts';
import { memoryLimit, outOfMemory } from './memory.ts';
import { compareOps } from './ops.ts';
import { profileTraining } from './profile.ts';
import { speed } from './speed.ts';
import { trainFirstTutorial } from './training.ts';

const STEPS: Readonly<Record<string, (context: StepContext) => Promise<StepOutcome> | StepOutcome>> = {
  doctor,
  loading,
  'first-op': firstOp,
  query,
  nvml,
  'memory-growth': memoryGrowth,
  ops: compareOps,
  'memory-limit': memoryLimit,
  'out-of-memory': outOfMemory,
  'training-compiled': (context) => trainFirstTutorial(context),
  'training-eager': (context) => trainFirstTutorial(context),
  'training-xla': (context) => trainFirstTutorial(context),
  'training-mixed': (context) => trainFirstTutorial(context, { mixedPrecision: true }),
  determinism,
  'two-devices': twoDevices,
  profile: profileTraining,
  speed,
};

async function answer(): Promise<StepOutcome> {
  const [, , name = '', mode = 'full', digits = ''] = process.argv;
  const step = STEPS[name];
  if (step === undefined) throw new Error(`there is no step "${name}": ${Object.keys(STEPS).join(', ')}`);
  try {
    return await step({ mode: mode === 'quick' ? 'quick' : 'full', digits });
  } catch (error) {
    return { status: 'fails', found: asError(error).message.split('\n')[0] ?? 'an error without a message' };
  }
}

const outcome = await answer();
// A process that has loaded TensorFlow ends by exit: its threads do not stop by themselves.
process.stdout.write(`${MARK}${JSON.stringify(outcome)}\n`, () => process.exit(0));
