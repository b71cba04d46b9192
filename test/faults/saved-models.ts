/** Runs rounds of saved-model-child.ts in child processes. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

interface Line {
  begin?: number;
  file?: string;
  end?: number;
  error?: string;
  value?: string;
  alive?: number[];
}

export interface Fuzzed {
  /** Rounds that ended the process, or gave an error that is none. */
  wrong: string[];
  refused: number;
  answered: number;
}

/** Damages SavedModels in the rounds from `first` to before `end`; each of them is the same whenever it is run. */
export async function fuzzSavedModels(first: number, end: number): Promise<Fuzzed> {
  const bundle = join(here, '../../.cache', `saved-models-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-saved-models-'));
  const found: Fuzzed = { wrong: [], refused: 0, answered: 0 };
  try {
    mkdirSync(bundle, { recursive: true });
    // Not bundled with this file: esbuild would rewrite the bundler's own texts.
    const bundler = new URL('../../scripts/bundle-source.mjs', import.meta.url).href;
    const { bundleSource } = (await import(bundler)) as {
      bundleSource: (entries: Record<string, string>, folder: string) => Promise<void>;
    };
    await bundleSource({ child: join(here, 'saved-model-child.ts') }, bundle);
    for (let next = first; next < end;) {
      const child = [join(bundle, 'child.mjs'), folder, String(next), String(end)];
      const { stdout, stderr, status, signal } = spawnSync(process.execPath, child, {
        encoding: 'utf8',
        env: { ...process.env, TENSORCELL_RUNTIME: 'cpu', TF_CPP_MIN_LOG_LEVEL: '3' },
        timeout: 600_000,
        maxBuffer: 1 << 28,
      });
      const lines = stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Line);
      for (const { end: round, error, value } of lines) {
        if (round === undefined) continue;
        if (value !== undefined) found.answered++;
        else if (/^\w*Error: .{10}/s.test(error!)) found.refused++;
        else found.wrong.push(`round ${round}: ${error}`);
      }
      if (lines.at(-1)?.alive !== undefined && status === 0) break;
      const last = lines.findLast(({ begin }) => begin !== undefined);
      const why = stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 300);
      found.wrong.push(
        `round ${last?.begin} (${last?.file}): ended with ${signal ?? `exit code ${status}`}: ${why}`,
      );
      if (last?.begin === undefined) break;
      next = last.begin + 1;
    }
    return found;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}
