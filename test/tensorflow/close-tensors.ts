import assert from 'node:assert/strict';

/** Compares lists of tensors' values to 1e-5. */
export function assertClose(actual: readonly number[][], expected: readonly number[][], what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, values] of actual.entries()) {
    const wanted = expected[i] as number[];
    const close =
      values.length === wanted.length &&
      values.every((value, at) => Math.abs(value - wanted[at]!) <= 1e-5 * Math.max(1, Math.abs(wanted[at]!)));
    assert.ok(close, `${what}, tensor ${i}: [${values.join(', ')}] and not [${wanted.join(', ')}]`);
  }
}
