import { execFile } from 'node:child_process';
import type { CudaReport } from '../devices/cuda/report.ts';
import { parseIni } from '../devices/ini.ts';
import type { Inventory } from '../devices/inventory.ts';
import { takeInventory } from '../devices/inventory.ts';
import { selectDevice } from '../devices/selection.ts';
import type { Candidate } from '../devices/selection.ts';
import type { Machine } from '../devices/machine.ts';
import { existingHostPath, readText } from '../devices/machine.ts';
import { Probe } from '../devices/probe/probe.ts';
import type { ProbeAnswer } from '../devices/probe/probe.ts';
import type { BuildInfo, InstalledRuntime } from '../devices/runtimes.ts';
import { detectBuildInfo, detectRuntimes } from '../devices/runtimes.ts';
import { detectWindowsConfigs } from '../devices/system.ts';

export interface CommandAnswer {
  /** Null when a signal ended it or it did not end in time. */
  code: number | null;
  output: string;
}

/** The facts that every check may use, gathered once. */
export interface DoctorContext {
  machine: Machine;
  /** The folder of the notebook, or where the command was called. */
  directory: string;
  inventory: Inventory;
  /** Undefined without a libcuda. */
  cuda: ProbeAnswer<CudaReport> | undefined;
  candidates: Candidate[];
  build: BuildInfo;
  runtimes: InstalledRuntime[];
  wslConf: Record<string, Record<string, string>>;
  /** Each `.wslconfig` of a Windows user that can be read. */
  windowsConfigs: { path: string; sections: Record<string, Record<string, string>> }[];
  firstOp: FirstOp | undefined;
  /** Runs a program of the machine, found by PATH, with a time limit. Undefined when there is none. */
  command(name: string, commandArguments: readonly string[]): Promise<CommandAnswer | undefined>;
}

/** The result of the first operation, in a separate process. */
export type FirstOp =
  | {
      ok: true;
      backend: string;
      devices: string[];
      milliseconds: number;
      /** Why a better one was not taken. */ why?: string;
    }
  | { ok: false; message: string };

/** Milliseconds that things which may hang get; together under 10 s. */
export interface DoctorLimits {
  look: number;
  nvml: number;
  /** Starting CUDA takes a second on some machines. */
  cuda: number;
  command: number;
}

export const DOCTOR_LIMITS: DoctorLimits = { look: 2500, nvml: 1700, cuda: 4000, command: 1500 };

/** Where PATH finds a program on the machine. */
export function findProgram(machine: Machine, name: string): string | undefined {
  return (machine.environment['PATH'] ?? '/usr/bin:/bin')
    .split(':')
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => `${folder}/${name}`)
    .find((path) => existingHostPath(machine, path) !== undefined);
}

function runCommand(
  machine: Machine,
  name: string,
  commandArguments: readonly string[],
  limitMs: number,
): Promise<CommandAnswer | undefined> {
  const path = findProgram(machine, name);
  if (path === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = execFile(
      existingHostPath(machine, path) ?? path,
      [...commandArguments],
      { env: { ...machine.environment }, encoding: 'utf8', maxBuffer: 10_000_000 },
      (error, stdout, stderr) => {
        clearTimeout(limit);
        const code = error ? (typeof error.code === 'number' ? error.code : null) : 0;
        resolve({ code, output: stdout + stderr });
      },
    );
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve({ code: null, output: '' });
    }, limitMs);
  });
}

async function askCuda(
  machine: Machine,
  inventory: Inventory,
  limitMs: number,
): Promise<DoctorContext['cuda']> {
  const library = inventory.libcuda[0];
  if (!library) return undefined;
  const probe = new Probe(machine);
  try {
    return await probe.ask('cuda', library.path, limitMs);
  } finally {
    probe.dispose();
  }
}

export async function gatherContext(
  machine: Machine,
  directory: string,
  firstOp: Promise<FirstOp | undefined>,
  limits: DoctorLimits,
): Promise<DoctorContext> {
  const inventory = await takeInventory(machine, {
    limitMs: limits.look,
    nvmlLimitMs: limits.nvml,
    askAll: true,
  });
  const [cuda, first] = await Promise.all([askCuda(machine, inventory, limits.cuda), firstOp]);
  return {
    machine,
    directory,
    inventory,
    cuda,
    candidates: selectDevice(machine, inventory),
    build: detectBuildInfo(machine),
    runtimes: detectRuntimes(machine),
    wslConf: parseIni(readText(machine, '/etc/wsl.conf') ?? ''),
    windowsConfigs: detectWindowsConfigs(machine).map(({ path, text }) => ({
      path,
      sections: parseIni(text),
    })),
    firstOp: first,
    command: (name, commandArguments) => runCommand(machine, name, commandArguments, limits.command),
  };
}
