/**
 * Cells change the process's folder and environment with Node's own means (`process.chdir`, `process.env`,
 * `process.loadEnvFile`). The kernel process, whose commands and magics are to see the same, is told what changed
 * before it is told that a cell has ended or wants a magic.
 */
import type { SurroundingsChange } from '../kernel/contracts/messages.ts';

export class SurroundingsReport {
  #directory = currentDirectory();
  #environment = currentEnvironment();

  /** Sends what changed since the last call, if anything did. */
  send(send: (change: SurroundingsChange) => void): void {
    const change: SurroundingsChange = {};
    const directory = currentDirectory();
    if (directory !== undefined && directory !== this.#directory) change.directory = directory;
    const before = this.#environment;
    const environment = isEnvironment(before) ? before : currentEnvironment();
    if (environment !== before) {
      const changed: Record<string, string | null> = {};
      for (const [name, value] of environment) if (value !== before.get(name)) changed[name] = value;
      for (const name of before.keys()) if (!environment.has(name)) changed[name] = null;
      if (Object.keys(changed).length > 0) change.environment = changed;
    }
    if (change.directory !== undefined || change.environment !== undefined) send(change);
    // Only now: JavaScript may be terminated on the way here.
    this.#directory = directory;
    this.#environment = environment;
  }
}

/**
 * Whether these are the variables of the environment now. Each read of a variable is a call of native code, and a spread of `process.env` makes
 * three of them.
 */
function isEnvironment(variables: ReadonlyMap<string, string>): boolean {
  const { env } = process;
  const names = Object.getOwnPropertyNames(env);
  return names.length === variables.size && names.every((name) => env[name] === variables.get(name));
}

function currentEnvironment(): ReadonlyMap<string, string> {
  const { env } = process;
  const variables = new Map<string, string>();
  for (const name of Object.getOwnPropertyNames(env)) {
    const value = env[name];
    if (value !== undefined) variables.set(name, value);
  }
  return variables;
}

/** Undefined when the folder was removed. */
function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
