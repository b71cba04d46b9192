import { parseArgs } from 'node:util';
import { disposeProbes } from '../src/machine/devices/probe/probe.ts';
import { thisMachine } from '../src/machine/devices/machine.ts';
import { examinePython, withFindings } from '../src/interop/python/doctor.ts';
import { tryFirstOperation } from '../src/machine/doctor/first-operation.ts';
import { formatReport, runDoctor } from '../src/machine/doctor/index.ts';

/** `tensorcell doctor [--json]`. Resolves to the exit code: 0 works, 1 slower than it could be, 2 broken. */
export async function doctorCommand(commandArguments: string[]): Promise<number> {
  const { values } = parseArgs({ args: commandArguments, options: { json: { type: 'boolean' } } });
  const machine = thisMachine();
  try {
    const directory = process.cwd();
    const [checked, more] = await Promise.all([
      runDoctor(machine, { directory, firstOp: () => tryFirstOperation(machine) }),
      machine.root === '/' ? examinePython(machine, { environment: machine.environment, directory }) : [],
    ]);
    const report = withFindings(checked, more);
    console.log(values.json ? JSON.stringify(report, null, 2) : formatReport(report).trimEnd());
    return report.exitCode;
  } finally {
    disposeProbes();
  }
}
