/** The doctor's finding on Python's side: what the packages of the environment in use compute on. */
import type { Finding, Report } from '../../machine/doctor/finding.ts';
import { exitCodeOf } from '../../machine/doctor/finding.ts';
import { takeInventory } from '../../machine/devices/inventory.ts';
import type { Machine } from '../../machine/devices/machine.ts';
import type { Device } from '../../machine/devices/device.ts';
import { bridgeFile } from './bridge-file.ts';
import { describePython, examine } from './devices.ts';
import type { OurSide } from './devices.ts';
import { defaultEnvironment, ipykernelCommand } from './environments.ts';
import type { Surroundings } from './environments.ts';

const CODE = 'python-cells';

export function ourSide(devices: readonly Device[], ownCuda: string | null): OurSide {
  const gpus = devices.filter(({ kind }) => kind === 'GPU');
  return {
    driverCuda: gpus.find(({ cudaVersion }) => cudaVersion !== null)?.cudaVersion ?? null,
    ownCuda,
    gpus: gpus.map(({ id, name, memoryTotalBytes, processes }) => ({
      id,
      name,
      totalBytes: memoryTotalBytes,
      processes,
    })),
  };
}

/** The environment that `%%python` would use, and its problems. Never rejects, and changes nothing. */
async function pythonFindings(surroundings: Surroundings, ours: OurSide): Promise<Finding[]> {
  const finding = (severity: Finding['severity'], found: string, fix: string[] = []): Finding => ({
    code: CODE,
    severity,
    found,
    fix,
  });
  try {
    const environment = await defaultEnvironment(surroundings);
    const { executable, version, packages } = environment;
    if (packages.ipykernel === undefined) {
      const found = `%%python would use Python ${version} (${executable}), which has no ipykernel`;
      return [finding('note', found, [ipykernelCommand(environment)])];
    }
    const { lines, warnings } = describePython(
      await examine(environment, surroundings, bridgeFile('tensorcell_devices.py')),
      ours,
    );
    const said = lines.slice(1).map((line) => line.trim());
    return [
      finding('ok', `%%python uses Python ${version} (${executable}): ${said.join('; ')}`),
      ...warnings.map(({ text, fix }) => finding('slow', text, fix)),
    ];
  } catch (error) {
    return [finding('note', `%%python: ${error instanceof Error ? error.message : String(error)}`)];
  }
}

/** The same, with the GPUs of the machine. */
export async function examinePython(machine: Machine, surroundings: Surroundings): Promise<Finding[]> {
  const { devices } = await takeInventory(machine);
  return await pythonFindings(surroundings, ourSide(devices, null));
}

export function withFindings(report: Report, more: readonly Finding[]): Report {
  const findings = [...report.findings, ...more];
  return { ...report, findings, exitCode: exitCodeOf(findings) };
}
