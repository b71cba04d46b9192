/** The code of an error of Node, such as `ENOENT`; undefined where there is none. Works for errors of other realms too. */
export function errorCode(error: unknown): string | undefined {
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && typeof error.code === 'string' ? error.code : undefined;
}
