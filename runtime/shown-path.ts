import { relative, sep } from 'node:path';
import { homeFolder } from '../src/base/home.ts';

/**
 * A file as it may stand in a notebook, which others read: relative to the notebook's folder where it lies in it, else
 * with the home folder as `~`.
 */
export function shownPath(path: string, directory = process.cwd(), home = homeFolder()): string {
  const inside = relative(directory, path);
  if (inside === '') return '.';
  if (!inside.startsWith('..') && !inside.startsWith(sep)) return inside;
  if (path === home) return '~';
  return home !== '/' && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
