import { runInThisContext } from 'node:vm';

/**
 * V8 keeps an object as a dictionary when its value becomes a getter, when a getter becomes a value, and when it has no
 * prototype: 30 ns a read in place of 2. It turns prototypes of constructors back when they are read by code that has
 * not met such an object before: hence separate code for each object. `Object.create(object)` is not enough: V8
 * keeps the shape that it gave last, without looking at the prototype again.
 *
 * @param key of a property to read; a getter that throws does no harm
 */
export function makeFast(object: object, key: string | symbol): void {
  const read = runInThisContext(
    '(object, key) => { function Child() {} Child.prototype = object; const child = new Child();' +
      'for (let i = 0; i < 20; i++) void child[key]; }',
  ) as (object: object, key: string | symbol) => void;
  try {
    read(object, key);
  } catch {
    // An import whose module has failed.
  }
}
