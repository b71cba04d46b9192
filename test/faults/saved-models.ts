/** Runs rounds of saved-model-child.ts in child processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledProgram, NAMED_ERROR, runRounds } from './child-rounds.ts';

export interface Fuzzed {
  /** Rounds that ended the process, or gave an error that is none. */
  wrong: string[];
  refused: number;
  answered: number;
}

/** Damages SavedModels in the rounds from `first` to before `end`; each of them is the same whenever it is run. */
export async function fuzzSavedModels(first: number, end: number): Promise<Fuzzed> {
  const bundle = join(fileURLToPath(new URL('../../.cache', import.meta.url)), `saved-models-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-saved-models-'));
  const found: Fuzzed = { wrong: [], refused: 0, answered: 0 };
  try {
    const program = await bundledProgram('saved-model-child.ts', bundle);
    for (let next = first; next < end;) {
      const { lines, died, stderr } = runRounds(program, [folder, String(next), String(end)], {
        timeout: 600_000,
        maxBuffer: 1 << 28,
        env: { TF_CPP_MIN_LOG_LEVEL: '3' },
      });
      for (const { end: round, error, value } of lines) {
        if (round === undefined) continue;
        if (value !== undefined) found.answered++;
        else if (NAMED_ERROR.test(error!)) found.refused++;
        else found.wrong.push(`round ${round}: ${error}`);
      }
      if (died === undefined) break;
      const last = lines.findLast(({ begin }) => begin !== undefined);
      const why = stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 300);
      found.wrong.push(`round ${last?.begin} (${last?.file}): ended with ${died}: ${why}`);
      if (last?.begin === undefined) break;
      next = Number(last.begin) + 1;
    }
    return found;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}
