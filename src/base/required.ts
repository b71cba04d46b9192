/**
 * A value that is present unless the kernel itself has a defect.
 *
 * @param what names the value in the error
 * @throws Error `internal error: …` where there is none
 */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === undefined || value === null) throw new Error(`internal error: ${what} is missing`);
  return value;
}
