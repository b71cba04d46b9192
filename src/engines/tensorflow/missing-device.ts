import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CUDA_WHEEL, parseBuildInfo, type BuildInfo } from '../../machine/devices/runtimes.ts';
import type { TensorflowDevice } from './c-api/context.ts';
import { cudaDriverProblem } from './cuda-driver.ts';
import { directmlProblem } from './directml-driver.ts';
import { runtimeId, type TensorflowRuntime } from './runtime-choice.ts';

/** A TensorFlow build that is for a GPU computes on the CPU. */
export interface MissingDevice {
  /** `cuda-2.21.0` */
  what: string;
  why: string;
  fix?: string;
}

/** The hardware that a CUDA build was made for, from its wheel. */
export function buildInfo(runtime: TensorflowRuntime): BuildInfo {
  const file = join(runtime.libraries, 'python', 'platform', 'build_info.py');
  return existsSync(file) ? parseBuildInfo(readFileSync(file, 'utf8')) : CUDA_WHEEL;
}

/** Why the kind of device that a runtime is for cannot be used on this machine; undefined when it can. */
export function runtimeDeviceProblem(runtime: TensorflowRuntime): string | undefined {
  if (runtime.name === 'cuda') return cudaDriverProblem(buildInfo(runtime));
  return runtime.name === 'directml' ? directmlProblem() : undefined;
}

/** The message where a TensorFlow build for a GPU came up without one. */
export function missingDevice(
  runtime: TensorflowRuntime,
  devices: readonly TensorflowDevice[],
  pluginProblem: string | undefined,
): MissingDevice | undefined {
  if (runtime.name !== 'cuda' && runtime.name !== 'directml') return undefined;
  if (devices.some(({ type }) => type === 'GPU')) return undefined;
  const hidden = process.env['CUDA_VISIBLE_DEVICES'];
  const nothing =
    runtime.name === 'directml'
      ? 'DirectML finds no adapter that it can use'
      : hidden === undefined
        ? 'the driver answers, but TensorFlow uses none of its GPUs'
        : `CUDA_VISIBLE_DEVICES=${hidden} hides every GPU`;
  return {
    what: runtimeId(runtime),
    why: pluginProblem ?? runtimeDeviceProblem(runtime) ?? nothing,
    fix: '%doctor',
  };
}
