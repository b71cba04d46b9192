/** Runs rounds of hostile-kernels-child.ts in child processes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledProgram, runRounds } from './child-rounds.ts';

export interface HostileRounds {
  /** Rounds that ended the process, or threw what is no error. */
  wrong: string[];
  refused: number;
  answered: number;
}

/** Calls every kernel with hostile inputs and attributes. @param each one round of so many is run. */
export async function hostileKernels(each: number): Promise<HostileRounds> {
  const bundle = join(
    fileURLToPath(new URL('../../.cache', import.meta.url)),
    `hostile-kernels-${process.pid}`,
  );
  const found: HostileRounds = { wrong: [], refused: 0, answered: 0 };
  try {
    const program = await bundledProgram('hostile-kernels-child.ts', bundle);
    for (let next = 0; ;) {
      const { lines, died, stderr } = runRounds(program, [String(next), String(each)], {
        timeout: 900_000,
        maxBuffer: 1 << 28,
        env: { TF_CPP_MIN_LOG_LEVEL: '3' },
      });
      for (const { end, file, error, value } of lines) {
        if (end === undefined) continue;
        if (value !== undefined) found.answered++;
        else if (error!.startsWith('not an Error')) found.wrong.push(`${file}: ${error}`);
        else found.refused++;
      }
      if (died === undefined) return found;
      const last = lines.findLast(({ begin }) => begin !== undefined);
      const why = stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 300);
      found.wrong.push(`${last?.file} (round ${last?.begin}): ended with ${died}: ${why}`);
      if (last?.begin === undefined) return found;
      next = Number(last.begin) + 1;
    }
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}
