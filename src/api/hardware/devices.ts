import { thisMachine } from '../../machine/devices/machine.ts';
import { takeInventory } from '../../machine/devices/inventory.ts';
import { disposeProbes } from '../../machine/devices/probe/probe.ts';
import { runDoctor } from '../../machine/doctor/index.ts';
import { tryFirstOperation } from '../../machine/doctor/first-operation.ts';
import type { StepOutcome } from '../../machine/hardware/report.ts';
import { formatBytes } from '../../base/text/bytes.ts';
import { describeBackend } from '../describe.ts';
import { devices } from '../devices.ts';
import { device } from '../load-tf.ts';
import { readyTf, requireGpu } from './gpu.ts';

export async function doctor(): Promise<StepOutcome> {
  const machine = thisMachine();
  try {
    const { findings, exitCode } = await runDoctor(machine, {
      directory: process.cwd(),
      firstOp: () => tryFirstOperation(machine),
    });
    const noticed = findings.filter(({ severity }) => severity === 'broken' || severity === 'slow');
    const found =
      noticed.length === 0
        ? `exit code 0, ${findings.length} findings`
        : `exit code ${exitCode}: ${noticed.map(({ code, found }) => `${code}: ${found}`).join('; ')}`;
    return { status: exitCode === 2 ? 'fails' : 'works', found };
  } finally {
    disposeProbes();
  }
}

export function loading(): StepOutcome {
  const start = performance.now();
  const { build } = readyTf();
  const seconds = (performance.now() - start) / 1000;
  const { backend, devices, rejected } = describeBackend();
  const names = devices.map(({ name }) => name.replace(/^.*\/device:/, '')).join(', ');
  const reasons = rejected.map(({ what, why }) => ` (${what} is not used: ${why})`).join('');
  return {
    status: 'works',
    found: `${build}, backend ${backend}, devices ${names === '' ? 'none' : names}${reasons}`,
    measured: { loading_s: Number(seconds.toFixed(2)) },
  };
}

/** A product that is known: newer cards than the build translate its code here, which may take minutes. */
export function firstOp(): StepOutcome {
  const { tf } = readyTf();
  const size = 512;
  const start = performance.now();
  const sum = tf.tidy(
    () =>
      tf
        .matMul(tf.ones([size, size]), tf.ones([size, size]))
        .sum()
        .dataSync()[0],
  );
  const milliseconds = performance.now() - start;
  if (sum !== size ** 3)
    return { status: 'fails', found: `a product of matrices sums to ${sum} instead of ${size ** 3}` };
  return {
    status: 'works',
    found: `a product of ${size} x ${size} matrices is right`,
    measured: { first_product_ms: Math.round(milliseconds) },
  };
}

/** Most milliseconds that the second query of the devices may take. */
const QUERY_MS = 20;

export async function query(): Promise<StepOutcome> {
  requireGpu();
  await devices();
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await devices();
    times.push(performance.now() - start);
  }
  disposeProbes();
  const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
  return {
    status: median <= QUERY_MS ? 'works' : 'fails',
    found: `${median.toFixed(1)} ms, median of 5 (at most ${QUERY_MS} ms expected)`,
    measured: { query_ms: Number(median.toFixed(1)) },
  };
}

/** Used memory changes between two questions: that much may differ. */
const USED_TOLERANCE_BYTES = 512 * 1024 ** 2;
const MIB = 1024 ** 2;

export async function nvml(): Promise<StepOutcome> {
  const machine = thisMachine();
  try {
    const { nvml: driver, smi, devices } = await takeInventory(machine, { limitMs: 10_000, askAll: true });
    if (driver?.ok !== true)
      return {
        status: 'fails',
        found: `NVML does not answer: ${driver?.message ?? 'its library is missing'}`,
      };
    if (smi?.ok !== true)
      return {
        status: 'not-run',
        found: `nvidia-smi does not answer: ${smi?.message ?? 'it was not asked'}`,
      };
    const differences: string[] = [];
    for (const row of smi.rows) {
      const text = (field: keyof typeof row): string | undefined =>
        'text' in row[field] ? row[field].text : undefined;
      const ours = devices.find(({ uuid }) => uuid !== null && uuid === text('uuid'));
      const index = text('index') ?? '?';
      if (ours === undefined) {
        differences.push(`GPU ${index} is not listed`);
        continue;
      }
      const compare = (field: string, mine: string | null, theirs: string | undefined): void => {
        if (theirs !== undefined && mine !== theirs)
          differences.push(`GPU ${index}, ${field}: ${mine ?? 'unavailable'}, nvidia-smi ${theirs}`);
      };
      compare('name', ours.name, text('name'));
      compare('driver', ours.driverVersion, text('driver_version'));
      const total = ours.memoryTotalBytes;
      compare('memory', total === null ? null : String(Math.round(total / MIB)), text('memory.total'));
      const used = Number(text('memory.used')) * MIB;
      if (ours.memoryUsedBytes !== null && Math.abs(ours.memoryUsedBytes - used) > USED_TOLERANCE_BYTES)
        differences.push(
          `GPU ${index}, used memory: ${formatBytes(ours.memoryUsedBytes)}, nvidia-smi ${formatBytes(used)}`,
        );
    }
    return differences.length === 0
      ? { status: 'works', found: `name, driver and memory of ${smi.rows.length} GPUs agree` }
      : { status: 'fails', found: differences.join('; ') };
  } finally {
    disposeProbes();
  }
}

export async function memoryGrowth(): Promise<StepOutcome> {
  const { gpu } = requireGpu();
  const ours = (await devices()).find(({ id }) => id === gpu);
  disposeProbes();
  const { memoryProcessBytes = null, memoryUsedBytes = null, memoryTotalBytes = null } = ours ?? {};
  const held = memoryProcessBytes ?? memoryUsedBytes;
  if (held === null || memoryTotalBytes === null)
    return { status: 'not-run', found: `the driver does not report the memory of ${gpu}` };
  const whose = memoryProcessBytes === null ? 'all processes hold' : 'the process holds';
  return {
    status: held < memoryTotalBytes / 2 ? 'works' : 'fails',
    found: `after a first op ${whose} ${formatBytes(held)} of ${formatBytes(memoryTotalBytes)}`,
    measured: { held_mib: Math.round(held / MIB) },
  };
}

export function twoDevices(): StepOutcome {
  const { tf, gpus } = requireGpu(2);
  const second = gpus[1] ?? '';
  const sum = device(second, () =>
    tf.tidy(
      () =>
        tf
          .matMul(tf.ones([1000, 1000]), tf.ones([1000, 1000]))
          .sum()
          .dataSync()[0],
    ),
  );
  return sum === 1e9
    ? { status: 'works', found: `a product on ${second} is right` }
    : { status: 'fails', found: `a product on ${second} sums to ${sum} instead of 1000000000` };
}
