/**
 * Cells change the process's folder and environment with Node's own means (`process.chdir`, `process.env`,
 * `process.loadEnvFile`). The kernel process, whose commands and magics are to see the same, is told what changed
 * before it is told that a cell has ended or wants a magic.
 */
import type { SurroundingsChange } from '../interfaces.ts';

export class SurroundingsReport {
  #directory = currentDirectory();
  #environment = { ...process.env };

  /** Sends what changed since the last call, if anything did. */
  send(send: (change: SurroundingsChange) => void): void {
    const change: SurroundingsChange = {};
    const directory = currentDirectory();
    if (directory !== undefined && directory !== this.#directory) change.directory = directory;
    const environment = { ...process.env };
    const before = this.#environment;
    const changed: Record<string, string | null> = {};
    for (const [name, value] of Object.entries(environment)) {
      if (value !== undefined && value !== before[name]) changed[name] = value;
    }
    for (const name of Object.keys(before)) if (!(name in environment)) changed[name] = null;
    if (Object.keys(changed).length > 0) change.environment = changed;
    if (change.directory !== undefined || change.environment !== undefined) send(change);
    // Only now: JavaScript may be terminated on the way here.
    this.#directory = directory;
    this.#environment = environment;
  }
}

/** Undefined when the folder was removed. */
function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
