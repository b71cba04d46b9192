import type { Machine } from '../devices/machine.ts';
import { containerChecks } from './container-checks.ts';
import type { Check } from './check.ts';
import { DOCTOR_LIMITS, gatherContext } from './context.ts';
import type { DoctorLimits, FirstOp } from './context.ts';
import { driverChecks } from './driver-checks.ts';
import { exitCodeOf } from './finding.ts';
import type { Finding, Outcome, Report } from './finding.ts';
import { libraryChecks } from './library-checks.ts';
import { runtimeChecks } from './runtime-checks.ts';
import { wslChecks } from './wsl-checks.ts';

export type { Report } from './finding.ts';
export { formatReport, reportHtml } from './finding.ts';
export type { FirstOp } from './context.ts';

/** In the order of the report: from Windows down to TensorFlow, then what surrounds it. */
export const CHECKS: readonly Check[] = [
  ...wslChecks,
  ...libraryChecks,
  ...driverChecks,
  ...containerChecks,
  ...runtimeChecks,
];

export interface DoctorOptions {
  /** Folder of the notebook; by default the machine's own variable PWD. */
  directory?: string;
  /** Tries a first operation in a separate process; resolves to undefined where that makes no sense. */
  firstOp?: () => Promise<FirstOp | undefined>;
  limits?: Partial<DoctorLimits>;
}

/** Looks at everything that decides whether cells train on the GPU. Changes nothing, takes under 10 s, never hangs. */
export async function runDoctor(machine: Machine, options: DoctorOptions = {}): Promise<Report> {
  const start = performance.now();
  const directory = options.directory ?? machine.environment['PWD'] ?? '/';
  const firstOp = Promise.resolve(options.firstOp?.()).catch((error: unknown): FirstOp => {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  });
  const context = await gatherContext(machine, directory, firstOp, {
    ...DOCTOR_LIMITS,
    ...options.limits,
  });
  const outcomes = await Promise.all(
    CHECKS.map(async (check): Promise<{ code: string; outcome: Outcome | undefined }> => {
      try {
        return { code: check.code, outcome: await check.look(context) };
      } catch (error) {
        const found = `the check itself failed: ${error instanceof Error ? error.message : String(error)}`;
        return { code: check.code, outcome: { severity: 'note', found } };
      }
    }),
  );
  const findings = outcomes.flatMap(({ code, outcome }): Finding[] =>
    outcome ? [{ code, severity: outcome.severity, found: outcome.found, fix: outcome.fix ?? [] }] : [],
  );
  return {
    findings,
    exitCode: exitCodeOf(findings),
    tookMilliseconds: Math.round(performance.now() - start),
  };
}
