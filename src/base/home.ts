import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The user's home folder: `HOME`, else the entry of the password database. Containers often run under a user id that
 * has none, where Node's `homedir` throws: `/` then, as Docker sets `HOME`.
 */
export function homeFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (environment['HOME']) return environment['HOME'];
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/**
 * Folder of everything that Tensorcell keeps for a user: runtimes, settings, history. `TENSORCELL_HOME`, or
 * `tensorcell` in the user's data folder (XDG base directory specification).
 */
export function tensorcellHome(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['TENSORCELL_HOME'];
  if (named) return named;
  const data = environment['XDG_DATA_HOME'];
  return join(data?.startsWith('/') ? data : join(homeFolder(environment), '.local', 'share'), 'tensorcell');
}

/** TensorFlow runtimes live here, one folder each (`cpu-2.21.0`), complete once it holds `runtime.json`. */
export function runtimesFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(tensorcellHome(environment), 'runtimes');
}

/** Present while the history is turned off. */
export function historySwitch(environment: NodeJS.ProcessEnv = process.env): string {
  return join(tensorcellHome(environment), 'history.off');
}

/** The database of what was run; `:memory:` keeps nothing. `TENSORCELL_HISTORY`, or a file among what we keep. */
export function historyPath(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['TENSORCELL_HISTORY'];
  if (named) return named;
  return existsSync(historySwitch(environment))
    ? ':memory:'
    : join(tensorcellHome(environment), 'history.sqlite');
}
