import { libraryFolders } from '../tfjs/instance.ts';

/** Why a function whose first run makes variables cannot be traced before that run. */
export const MAKES_VARIABLES = 'variables are created in the step';

/** Why a function cannot become a graph. It then runs op by op, as without us. */
export class Untraceable extends Error {
  override readonly name = 'Untraceable';
  /** It may go without TensorFlow's own optimizer ops (`fused`), or with recurrent layers unrolled (`loops`). */
  readonly retry: 'fused' | 'loops' | undefined;

  constructor(message: string, retry?: 'fused' | 'loops') {
    super(message);
    this.retry = retry;
  }

  /** Whether a run that is not traced may make what is missing. */
  get makesVariables(): boolean {
    return this.message === MAKES_VARIABLES;
  }
}

/** Whether a file, or a place in one, is neither Node's nor ours nor tfjs's. */
export function isUserPlace(place: string): boolean {
  const path = place.replace(/^file:\/\//, '');
  if (path.startsWith('node:') || path.includes('/node_modules/@tensorflow/')) return false;
  return !libraryFolders().some((folder) => path.startsWith(folder));
}

/** The first line of a stack that is not ours or tfjs's: where the user's code asked for what cannot be traced. */
export function userLine(stack: string | undefined): string | undefined {
  for (const line of (stack ?? '').split('\n').slice(1)) {
    // `at f (cell 5:1:2)`, `at cell 5:1:2`, `at async file:///a.ts:1:2`
    const found = /\((.+:\d+:\d+)\)$|^\s*at (?:async )?(.+:\d+:\d+)$/.exec(line);
    const place = found?.[1] ?? found?.[2];
    if (place !== undefined && isUserPlace(place)) return place;
  }
  return undefined;
}
