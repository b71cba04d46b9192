import { join } from 'node:path';
import { tensorcellHome } from '../../base/home.ts';
import { readText, type Machine } from './machine.ts';
import type { BuildInfo } from './runtimes.ts';

/** The target and tools of XLA's compilation: a trial of it answers for exactly this. */
export interface XlaSubject {
  /** Names of the GPUs, in the order of the driver. */
  device: string;
  /** Their compute capabilities, such as `8.9`; null where the driver does not say. */
  capabilities: (string | null)[];
  /** The newest CUDA that the driver runs, such as `12.9`; null where it does not say. */
  cuda: string | null;
  /** Tells this driver from others for the same CUDA: its library's file. */
  driver: string;
  /** The TensorFlow build, such as `cuda-2.21.0`. */
  build: string;
}

/** The result of a trial in a child process. */
export interface XlaTrial extends XlaSubject {
  works: boolean;
  /** Why it does not work; what was compiled where it does. */
  why: string;
  /** The child process gave no answer: that may have other reasons, so the trial is repeated some day. */
  timedOut: boolean;
  /** Milliseconds since 1970. */
  at: number;
}

/** A trial that gave no answer counts for so long. */
const TIMEOUT_COUNTS_MS = 7 * 24 * 3600 * 1000;

export function xlaTrialsFile(environment: Machine['environment']): string {
  return join(tensorcellHome({ ...environment }), 'xla-trials.json');
}

function isTrial(value: unknown): value is XlaTrial {
  const trial = value as Partial<Record<keyof XlaTrial, unknown>> | null;
  return (
    typeof trial === 'object' &&
    trial !== null &&
    ['device', 'driver', 'build', 'why'].every((name) => typeof trial[name as keyof XlaTrial] === 'string') &&
    Array.isArray(trial.capabilities) &&
    typeof trial.works === 'boolean' &&
    typeof trial.timedOut === 'boolean' &&
    typeof trial.at === 'number'
  );
}

/** The trials that a file remembers; none of a file that is missing or damaged. Entries that are damaged are left out. */
export function parseXlaTrials(text: string | undefined): XlaTrial[] {
  try {
    const { trials } = JSON.parse(text ?? '{}') as { trials?: unknown };
    return Array.isArray(trials) ? trials.filter(isTrial) : [];
  } catch {
    return [];
  }
}

/** The trial of a subject that still counts. @param subject without `driver`: of any driver, the latest. */
export function findXlaTrial(
  trials: readonly XlaTrial[],
  subject: Omit<XlaSubject, 'driver'> & { driver?: string },
  now: number,
): XlaTrial | undefined {
  return trials.findLast(
    (trial) =>
      trial.device === subject.device &&
      trial.capabilities.join() === subject.capabilities.join() &&
      trial.cuda === subject.cuda &&
      trial.build === subject.build &&
      (subject.driver === undefined || trial.driver === subject.driver) &&
      !(trial.timedOut && now - trial.at > TIMEOUT_COUNTS_MS),
  );
}

/**
 * Why XLA must not compile for a GPU; undefined when nothing is known against it. XLA has a separate code generator,
 * made when TensorFlow was built: for a newer generation of GPUs it ends the process (tensorflow/tensorflow#111958), while
 * TensorFlow's own kernels are translated by the driver. Minor versions of a generation that the build knows are no obstacle.
 *
 * @param capability such as `12.0`; null where the driver does not say: then only a trial tells.
 */
export function xlaCapabilityProblem(
  name: string | null,
  capability: string | null,
  { cudaVersion, machineCode, ptx }: BuildInfo,
): string | undefined {
  const known = [...machineCode, ...ptx];
  if (capability === null || known.length === 0) return undefined;
  const newest = Math.max(...known);
  const [major = 0] = capability.split('.').map(Number);
  if (major <= Math.floor(newest / 10)) return undefined;
  return (
    `${name ?? 'the GPU'} has compute capability ${capability}, and the XLA of this TensorFlow build ` +
    `(CUDA ${cudaVersion ?? 'of unknown version'}) supports GPUs up to ${(newest / 10).toFixed(1)}: it would crash the process`
  );
}

/** The knowledge on XLA for the GPUs of a machine; undefined before it was tried. */
export interface XlaKnowledge {
  works: boolean;
  why: string;
  /** It is known from a trial. */
  tried: boolean;
}

/** @param cards the GPUs that CUDA computes on, in the driver's order. @param runtime the TensorFlow build that serves. */
export function xlaKnowledge(
  machine: Machine,
  cards: readonly { name: string | null; computeCapability: string | null; cudaVersion: string | null }[],
  build: BuildInfo,
  runtime: { name: string; version: string },
): XlaKnowledge | undefined {
  for (const { name, computeCapability } of cards) {
    const why = xlaCapabilityProblem(name, computeCapability, build);
    if (why !== undefined) return { works: false, why, tried: false };
  }
  const trials = parseXlaTrials(readText(machine, xlaTrialsFile(machine.environment)));
  const trial = findXlaTrial(
    trials,
    {
      device: cards.map(({ name }) => name ?? 'a GPU').join(', '),
      capabilities: cards.map(({ computeCapability }) => computeCapability),
      cuda: cards[0]?.cudaVersion ?? null,
      build: `${runtime.name}-${runtime.version}`,
    },
    machine.now(),
  );
  return trial && { works: trial.works, why: trial.why, tried: true };
}
