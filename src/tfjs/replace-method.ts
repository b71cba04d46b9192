/**
 * Replaces a method of one of tfjs's objects or prototypes, also one that tfjs's types hide.
 *
 * @param wrap gets the method as it was, and gives the one in its place.
 * @throws TypeError where the object has no such method: tfjs has changed.
 */
export function replaceMethod<This, Args extends unknown[], Result>(
  owner: object,
  name: string,
  wrap: (original: (this: This, ...args: Args) => Result) => (this: This, ...args: Args) => Result,
): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') throw new TypeError(`tfjs has no method ${name} to replace`);
  // The only cast: tfjs's types do not tell the signature of a method that they hide.
  const replaced = wrap(original as (this: This, ...args: Args) => Result);
  if (!Reflect.set(owner, name, replaced)) throw new TypeError(`tfjs's method ${name} cannot be replaced`);
}
