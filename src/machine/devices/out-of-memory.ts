import { spawnSync } from 'node:child_process';
import type { MemoryDescription } from './backend-description.ts';
import { detectLibraries } from './loader.ts';
import type { Machine } from './machine.ts';
import { existingHostPath, readText } from './machine.ts';
import { nvmlDevices } from './nvidia.ts';
import type { ProbeReply, ProbeRequest } from './probe/questions.ts';
import type { NvmlReport } from './nvml/report.ts';
import { detectSystem, parseMemoryInfo } from './system.ts';
import { formatBytes } from '../../base/text/bytes.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

export interface OutOfMemory {
  shape: number[];
  /** As tfjs names it where TensorFlow has another name: `float32` for `float`. */
  dtype: string;
  bytes: number | null;
  /** `GPU:0`. */
  device: string;
  allocator: string;
}

const DTYPES: Record<string, [name: string, bytes: number]> = {
  float: ['float32', 4],
  double: ['float64', 8],
  half: ['float16', 2],
  bfloat16: ['bfloat16', 2],
  int8: ['int8', 1],
  uint8: ['uint8', 1],
  int16: ['int16', 2],
  uint16: ['uint16', 2],
  int32: ['int32', 4],
  uint32: ['uint32', 4],
  int64: ['int64', 8],
  uint64: ['uint64', 8],
  bool: ['bool', 1],
  complex64: ['complex64', 8],
  complex128: ['complex128', 16],
};

/** TensorFlow's sentence of status RESOURCE_EXHAUSTED (`OpKernelContext::allocate_tensor`). */
export function parseOutOfMemory(message: string): OutOfMemory | undefined {
  const match =
    /OOM when allocating tensor with shape\s*\[([\d,\s]*)\] and type (\w+) on (\S+) by allocator (\S+)/.exec(
      message,
    );
  if (!match) return undefined;
  const [, sizes = '', type = '', device = '', allocator = ''] = match;
  const shape = sizes.split(',').filter(Boolean).map(Number);
  const [dtype, size] = DTYPES[type] ?? [type, undefined];
  const elements = elementCount(shape);
  return {
    shape,
    dtype,
    bytes: size === undefined ? null : elements * size,
    device: device.replace(/^.*\/device:/, ''),
    allocator,
  };
}

const LIMIT_MS = 1500;
/** Smaller tensors are not what fills a device. */
const WORTH_NAMING = 1024 * 1024;

/** The free memory that the driver (for the CPU: Linux) reports. Blocks for about 100 ms: only for an error that is rare. */
function freeMemory(
  machine: Machine,
  device: string,
): { freeBytes: number; totalBytes: number; who: string } | undefined {
  const number = /^GPU:(\d+)$/.exec(device)?.[1];
  if (number === undefined) {
    const { availableBytes, totalBytes } = parseMemoryInfo(readText(machine, '/proc/meminfo') ?? '');
    if (availableBytes === null || totalBytes === null) return undefined;
    return { freeBytes: availableBytes, totalBytes, who: 'Linux' };
  }
  const library = detectLibraries(machine, 'libnvidia-ml.so.1')[0]?.path;
  const file = library === undefined ? undefined : existingHostPath(machine, library);
  if (file === undefined) return undefined;
  const request: ProbeRequest = { id: 1, question: 'nvml', library: file };
  const { stdout } = spawnSync(process.execPath, [machine.probeFile], {
    input: `${JSON.stringify(request)}\n`,
    env: { ...machine.environment },
    encoding: 'utf8',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const reply = JSON.parse(stdout) as ProbeReply;
    if ('error' in reply) return undefined;
    const found = nvmlDevices(reply.value as NvmlReport, machine.environment, () => null).find(
      ({ id }) => id === `cuda:${number}`,
    );
    if (!found || found.memoryFreeBytes === null || found.memoryTotalBytes === null) return undefined;
    return { freeBytes: found.memoryFreeBytes, totalBytes: found.memoryTotalBytes, who: 'the driver' };
  } catch {
    return undefined; // it hung, crashed or said nothing
  }
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/**
 * Says of an out of memory error what did not fit and where, what is free, which of our tensors hold most, and what helps.
 * A message of another kind is returned as it is.
 *
 * @param memory what is alive, as the runtime counts it.
 */
export function explainOutOfMemory(machine: Machine, message: string, memory: MemoryDescription): string {
  const failure = parseOutOfMemory(message);
  if (!failure) return message;
  const { shape, dtype, bytes, device, allocator } = failure;
  const op = /^(\w+): /.exec(message)?.[1];
  const size = bytes === null ? '' : `, ${formatBytes(bytes)}`;
  const lines = [
    `out of memory on ${device}${op === undefined ? '' : ` in ${op}`}: no room for a tensor of shape ${shapeText(shape)}, ${dtype}${size} (allocator ${allocator})`,
  ];
  const free = freeMemory(machine, device);
  lines.push(
    free
      ? `${free.who} reports ${formatBytes(free.freeBytes)} of ${formatBytes(free.totalBytes)} free`
      : 'free memory: unavailable',
  );
  const large = memory.tensors.filter(({ bytes }) => bytes >= WORTH_NAMING).slice(0, 5);
  lines.push(
    `our tensors hold ${formatBytes(memory.bytes)} in ${memory.count}${large.length > 0 ? ', most of it:' : ''}`,
  );
  for (const tensor of large) {
    const name = tensor.variable === undefined ? '' : `, variable ${tensor.variable}`;
    const cell = tensor.execution === 0 ? '' : `, made in cell ${tensor.execution}`;
    lines.push(`  ${formatBytes(tensor.bytes)}  ${shapeText(tensor.shape)} ${tensor.dtype}${cell}${name}`);
  }
  const system = detectSystem(machine);
  const half = free && bytes !== null && free.freeBytes > 2 * bytes;
  if (half && system.kind === 'wsl2' && device.startsWith('GPU')) {
    lines.push(
      'more is free than was requested: WSL limits pinned memory, so transfer less at a time (see docs/doctor/pinned-memory.md)',
    );
  }
  lines.push(
    'use a smaller batch, and tf.tidy() or dispose() for tensors that are not needed; %memory lists all of them',
  );
  return lines.join('\n');
}
