import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { homeFolder } from '../../src/base/home.ts';

const escapeSpaces = (text: string): string => text.replace(/[\s\\'"]/g, String.raw`\$&`);
const unescape = (text: string): string => text.replace(/\\(.)/g, '$1');

/** `~` and `~/…` with the home folder in place. */
export function expandHome(path: string, home: string | undefined): string {
  return path === '~' || path.startsWith('~/') ? join(home ?? homeFolder(), path.slice(1)) : path;
}

/**
 * The home folder as `~` wherever a path begins with it: notebooks are shared, and keep what was printed.
 */
export function shortenHome(text: string, home: string | undefined): string {
  const folder = home?.replace(/\/+$/, '');
  if (!folder) return text;
  const escaped = folder.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return text.replace(new RegExp(String.raw`(?<![\w./-])${escaped}(?=/|$|[\s'"<:,)])`, 'gm'), '~');
}

/** Also through links; false for what may not be looked at. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Completions of the last, unfinished word of a command; folders end in a slash, hidden names need their dot. */
export function completePath(
  word: string,
  directory: string,
  home: string | undefined,
  kind: 'files' | 'folders',
): string[] {
  const typed = unescape(word);
  const slash = typed.lastIndexOf('/') + 1;
  const [shownFolder, prefix] = [typed.slice(0, slash), typed.slice(slash)];
  const folder = resolve(directory, expandHome(shownFolder === '' ? '.' : shownFolder, home));
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const found: string[] = [];
  for (const name of names.toSorted()) {
    if (!name.startsWith(prefix) || (name.startsWith('.') && !prefix.startsWith('.'))) continue;
    const isFolder = isDirectory(join(folder, name));
    if (kind === 'folders' && !isFolder) continue;
    found.push(escapeSpaces(shownFolder + name) + (isFolder ? '/' : ''));
    if (found.length === 500) break;
  }
  return found;
}
