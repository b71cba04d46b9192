import { replaceMethod } from '../../../src/tfjs/replace-method.ts';

class Source {
  input: unknown = 'a';

  async iterator(): Promise<unknown> {
    return this.input;
  }
}

test('a replaced method of a prototype gets the object, and can call the original', async () => {
  class Changed extends Source {}
  replaceMethod(
    Changed.prototype,
    'iterator',
    (original) =>
      async function iterator() {
        return [await original.call(this), this.input];
      },
  );
  expect(await new Changed().iterator()).toEqual(['a', 'a']);
  expect(await new Source().iterator()).toBe('a');
});

test.each([
  ['is missing', {}, /^tfjs has no method grad to replace$/],
  ['is no function', { grad: 1 }, /^tfjs has no method grad to replace$/],
  ['is frozen', Object.freeze({ grad: () => ({}) }), /^tfjs's method grad cannot be replaced$/],
])('a method that %s is an error with its name', (_, owner: object, message) => {
  expect(() => {
    replaceMethod(owner, 'grad', (original) => original);
  }).toThrow(message);
});
