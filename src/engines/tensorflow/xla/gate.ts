import { existsSync, readFileSync } from 'node:fs';
import { debuglog } from 'node:util';
import { dirname, join } from 'node:path';
import { formatCudaVersion, type CudaReport } from '../../../machine/devices/cuda/report.ts';
import { currentMachine } from '../../../machine/devices/machine.ts';
import type { BuildInfo } from '../../../machine/devices/runtimes.ts';
import {
  findXlaTrial,
  parseXlaTrials,
  xlaCapabilityProblem,
  xlaTrialsFile,
  type XlaSubject,
} from '../../../machine/devices/xla.ts';
import { writeWhole } from '../../../base/files/index.ts';
import { contextDevices } from '../c-api/context.ts';
import { cudaReport } from '../cuda-driver.ts';
import { asError } from '../../errors.ts';
import { loadedTensorflow } from '../loading.ts';
import { buildInfo } from '../missing-device.ts';
import { runtimeId } from '../runtime-choice.ts';
import { runXlaTrial } from './trial.ts';
import type { CompileGate } from '../../engine.ts';

const debug = debuglog('tensorcell');

/** A trial takes some seconds where the driver has to translate nothing; on a busy machine a minute. */
const LIMIT_MS = 180_000;
/** Of so many trials the file remembers the latest. */
const REMEMBERED = 50;

export interface XlaGateOptions {
  /** The device that XLA would compile for; undefined where no trial is needed. */
  subject: () => { about: XlaSubject; build: BuildInfo } | undefined;
  /** The child's program. */
  script: string;
  environment: NodeJS.ProcessEnv;
  limitMs?: number;
  node?: string;
}

/**
 * Whether XLA may compile in this process. A compilation can end the process from inside XLA, which nothing here could
 * prevent. So GPUs that are newer than the build are refused, and the first compilation for a GPU runs in a child process:
 * once for each device, driver and build, since the answer is kept in a file.
 */
export class XlaGate implements CompileGate {
  readonly #options: XlaGateOptions;
  #state: 'unknown' | 'open' | 'trying' | 'shut' = 'unknown';
  /** Why it is shut; undefined while it is not. */
  why: string | undefined;
  #trial: Promise<void> | undefined;

  constructor(options: XlaGateOptions) {
    this.#options = options;
  }

  /** How it stands. The first call begins the trial where one is needed. */
  look(): 'open' | 'trying' | 'shut' {
    if (this.#state === 'unknown') this.#begin();
    return this.#state as 'open' | 'trying' | 'shut';
  }

  /** Resolves when a trial that is under way has ended. */
  async settled(): Promise<void> {
    await this.#trial;
  }

  #shut(why: string): void {
    this.#state = 'shut';
    this.why = why;
    debug('XLA does not compile: %s', why);
  }

  #begin(): void {
    const subject = this.#options.subject();
    if (subject === undefined) {
      this.#state = 'open';
      return;
    }
    const { about, build } = subject;
    for (const capability of about.capabilities) {
      const problem = xlaCapabilityProblem(about.device, capability, build);
      if (problem !== undefined) {
        this.#shut(problem);
        return;
      }
    }
    const known = findXlaTrial(this.#remembered(), about, Date.now());
    if (known?.works === true) this.#state = 'open';
    else if (known !== undefined) this.#shut(known.why);
    else {
      this.#state = 'trying';
      this.#trial = this.#try(about);
    }
  }

  #remembered() {
    const file = xlaTrialsFile(this.#options.environment);
    try {
      return parseXlaTrials(existsSync(file) ? readFileSync(file, 'utf8') : undefined);
    } catch (error) {
      debug('%s cannot be read: %s', file, asError(error).message);
      return [];
    }
  }

  async #try(about: XlaSubject): Promise<void> {
    const { script, environment, limitMs = LIMIT_MS, node } = this.#options;
    debug('a child process tries XLA on %s', about.device);
    const { works, why, timedOut, passing } = await runXlaTrial(script, environment, limitMs, node);
    if (works) this.#state = 'open';
    else this.#shut(why);
    if (passing) return;
    const file = xlaTrialsFile(environment);
    // Read again: another process may have tried meanwhile.
    const others = this.#remembered().filter((trial) => findXlaTrial([trial], about, 0) === undefined);
    const trials = [...others, { ...about, works, why, timedOut, at: Date.now() }].slice(-REMEMBERED);
    try {
      writeWhole(file, `${JSON.stringify({ trials }, undefined, 2)}\n`);
    } catch (error) {
      debug('the trial of XLA is not remembered: %s', asError(error).message);
    }
  }
}

/**
 * The files of the driver's library in this process. On Linux the name holds the driver's version; inside WSL the folder
 * of the second one is that of the Windows driver.
 */
export function driverFiles(maps: string): string {
  const files = Array.from(maps.matchAll(/\/\S*libcuda\.so\S*/g), ([file]) => file);
  return [...new Set(files)].toSorted().join(':');
}

/** The device that XLA compiles for. @param gpus how many TensorFlow has. @param report of the CUDA driver; not of other drivers. */
export function xlaSubject(
  gpus: number,
  report: CudaReport | undefined,
  driver: string,
  build: string,
): XlaSubject {
  const cards = report?.devices ?? [];
  return {
    device: cards.length === 0 ? `${gpus} GPU` : cards.map(({ name }) => name ?? 'a GPU').join(', '),
    capabilities: cards.map(({ computeCapability }) => computeCapability?.join('.') ?? null),
    cuda: typeof report?.driverVersion === 'number' ? formatCudaVersion(report.driverVersion) : null,
    driver,
    build,
  };
}

/** The GPUs that TensorFlow computes on in this process, their driver and build; undefined without a GPU. */
function subjectOfProcess(): ReturnType<XlaGateOptions['subject']> {
  const loaded = loadedTensorflow();
  if (loaded === undefined) return undefined;
  const gpus = contextDevices(loaded.context).filter(({ type }) => type === 'GPU');
  if (gpus.length === 0) return undefined;
  const report = loaded.runtime.name === 'directml' ? undefined : cudaReport();
  const driver = driverFiles(readFileSync('/proc/self/maps', 'utf8'));
  const about = xlaSubject(gpus.length, report, driver, runtimeId(loaded.runtime));
  return { about, build: buildInfo(loaded.runtime) };
}

function gateOfProcess(): XlaGate {
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    TENSORCELL_XLA: 'on',
    // This process holds most of the GPU's memory.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  };
  // The child has to load the same build.
  const path = loadedTensorflow()?.runtime.path;
  if (path !== undefined) environment['TENSORCELL_RUNTIME'] = path;
  const script = join(dirname(currentMachine().probeFile), 'xla-trial.js');
  return new XlaGate({ subject: subjectOfProcess, script, environment });
}

let gate: XlaGate | undefined;

/** The gate of this process. */
export function xlaGate(): XlaGate {
  return (gate ??= gateOfProcess());
}

/** Puts another gate in its place: in the child process, and in tests. */
export function setXlaGate(next: XlaGate | undefined): void {
  gate = next;
}
