import { formatReport, reportHtml, runDoctor } from '../../src/machine/doctor/index.ts';
import { tryFirstOperation } from '../../src/machine/doctor/first-operation.ts';
import { currentMachine } from '../../src/machine/devices/index.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import { examinePython, withFindings } from '../../src/interop/python/doctor.ts';
import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';
import { shortenHome } from './path-completion.ts';

/** `%doctor`: why cells do or do not train on the GPU, and what to type. Changes nothing. */
export function doctor(machine: () => Machine = currentMachine): Magic {
  return {
    name: 'doctor',
    kinds: ['line'],
    summary: 'check everything between Windows and TensorFlow, and show how to repair it',
    usage: '%doctor [json]',
    complete: () => ['json'],
    async run({ line, output, session }) {
      const form = line.trim();
      if (form !== '' && form !== 'json') {
        throw new MagicError('usage', `%doctor ${form}: write %doctor or %doctor json`);
      }
      const seen = { ...machine(), environment: session.environment };
      const python = { environment: session.environment, directory: session.directory };
      const [checked, more] = await Promise.all([
        runDoctor(seen, { directory: session.directory, firstOp: () => tryFirstOperation(seen) }),
        // A machine of files alone has no Python to run.
        seen.root === '/' ? examinePython(seen, python) : [],
      ]);
      const report = withFindings(checked, more);
      const home = session.environment['HOME'];
      if (form === 'json') {
        await output.stdout(shortenHome(`${JSON.stringify(report, null, 2)}\n`, home));
        return;
      }
      await output.display({
        data: {
          'text/plain': shortenHome(formatReport(report).trimEnd(), home),
          'text/html': shortenHome(reportHtml(report), home),
        },
        metadata: {},
      });
    },
  };
}
