/** The steps of `tensorcell hardware-test`: each runs in a separate process, under a time limit. */

/** The hardware without which a step has no meaning. */
export type Requirement = 'nothing' | 'gpu' | 'nvidia-gpu' | 'two-gpus';

export interface HardwareStep {
  /** Stable: reports and docs/hardware.md refer to it. */
  name: string;
  title: string;
  requires: Requirement;
  /** Settings by their names in `%config`, for the process of the step. */
  settings?: Readonly<Record<string, boolean | number | string>>;
  limitSeconds: number;
  /** The limit with `--quick`, which leaves out steps that have none. */
  quickLimitSeconds?: number;
}

/** In the order in which they run: a step that fails explains those behind it. */
export const HARDWARE_STEPS: readonly HardwareStep[] = [
  {
    name: 'doctor',
    title: 'findings of the doctor',
    requires: 'nothing',
    limitSeconds: 30,
    quickLimitSeconds: 20,
  },
  {
    name: 'loading',
    title: 'the build loads and lists its devices',
    requires: 'nothing',
    limitSeconds: 60,
    quickLimitSeconds: 40,
  },
  { name: 'first-op', title: 'a first op', requires: 'nothing', limitSeconds: 240, quickLimitSeconds: 60 },
  {
    name: 'query',
    title: 'time of a query of the devices',
    requires: 'gpu',
    limitSeconds: 20,
    quickLimitSeconds: 10,
  },
  {
    name: 'nvml',
    title: 'NVML and nvidia-smi agree',
    requires: 'nvidia-gpu',
    limitSeconds: 20,
    quickLimitSeconds: 10,
  },
  {
    name: 'memory-growth',
    title: 'memory grows on demand',
    requires: 'gpu',
    limitSeconds: 60,
    quickLimitSeconds: 20,
  },
  {
    name: 'ops',
    title: 'ops equal those of plain JavaScript',
    requires: 'nothing',
    settings: { tf32: false },
    limitSeconds: 90,
    quickLimitSeconds: 40,
  },
  {
    name: 'memory-limit',
    title: 'a memory limit holds',
    requires: 'gpu',
    settings: { 'memory-limit': 1024 },
    limitSeconds: 60,
  },
  {
    name: 'out-of-memory',
    title: 'out of memory is an error, and the session continues',
    requires: 'gpu',
    limitSeconds: 60,
  },
  {
    name: 'training-compiled',
    title: 'training of the first tutorial, compiled',
    requires: 'nothing',
    settings: { compile: true, xla: 'off' },
    limitSeconds: 90,
    quickLimitSeconds: 60,
  },
  {
    name: 'training-eager',
    title: 'training of the first tutorial, eager',
    requires: 'nothing',
    settings: { compile: false },
    limitSeconds: 120,
  },
  {
    name: 'training-xla',
    title: 'training of the first tutorial, compiled by XLA',
    requires: 'nothing',
    settings: { compile: true, xla: 'on' },
    limitSeconds: 120,
  },
  {
    name: 'training-mixed',
    title: 'training of the first tutorial, mixed precision',
    requires: 'nothing',
    settings: { compile: true, xla: 'off' },
    limitSeconds: 120,
  },
  {
    name: 'determinism',
    title: 'equal numbers from equal seeds',
    requires: 'nothing',
    settings: { deterministic: true },
    limitSeconds: 60,
  },
  {
    name: 'two-devices',
    title: 'a second GPU',
    requires: 'two-gpus',
    limitSeconds: 40,
    quickLimitSeconds: 20,
  },
  { name: 'profile', title: 'a profile shows what ran on the device', requires: 'nothing', limitSeconds: 40 },
  {
    name: 'speed',
    title: 'the benchmark in short',
    requires: 'nothing',
    limitSeconds: 60,
    quickLimitSeconds: 30,
  },
];

/** All of it, in seconds: what does not begin in time is not run. */
export const TOTAL_SECONDS = { full: 8 * 60, quick: 2 * 60 } as const;

export type HardwareMode = keyof typeof TOTAL_SECONDS;

/** The time limit of a step in a mode, in seconds; undefined where the mode leaves it out. */
export function stepLimit(step: HardwareStep, mode: HardwareMode): number | undefined {
  return mode === 'full' ? step.limitSeconds : step.quickLimitSeconds;
}
