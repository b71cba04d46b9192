/** False with `TENSORCELL_COMPILE=off`: then everything runs eagerly. Read before each step. */
export function compileEnabled(): boolean {
  return process.env['TENSORCELL_COMPILE'] !== 'off';
}
