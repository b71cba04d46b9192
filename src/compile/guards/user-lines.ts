import { libraryFolders } from '../../tfjs/instance.ts';

/** Whether a file, or a place in one, is neither Node's nor ours nor tfjs's. */
export function isUserPlace(place: string): boolean {
  const path = place.replace(/^file:\/\//, '');
  if (path.startsWith('node:') || path.includes('/node_modules/@tensorflow/')) return false;
  return !libraryFolders().some((folder) => path.startsWith(folder));
}

/** The first line of a stack that is not ours or tfjs's: the line of the user's code that cannot be traced. */
export function userLine(stack: string | undefined): string | undefined {
  for (const line of (stack ?? '').split('\n').slice(1)) {
    // `at f (cell 5:1:2)`, `at cell 5:1:2`, `at async file:///a.ts:1:2`
    const found = /\((.+:\d+:\d+)\)$|^\s*at (?:async )?(.+:\d+:\d+)$/.exec(line);
    const place = found?.[1] ?? found?.[2];
    if (place !== undefined && isUserPlace(place)) return place;
  }
  return undefined;
}
