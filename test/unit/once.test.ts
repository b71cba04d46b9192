import { once } from '../../src/base/once.ts';

test('a loaded value is kept, and a failure is tried again', async () => {
  let calls = 0;
  const load = once(async () => {
    await Promise.resolve();
    if (++calls < 3) throw new Error(`EMFILE ${calls}`);
    return calls;
  });
  const [first, second] = [load(), load()];
  expect(first).toBe(second);
  await expect(first).rejects.toThrow('EMFILE 1');
  await expect(load()).rejects.toThrow('EMFILE 2');
  expect(await load()).toBe(3);
  expect(await load()).toBe(3);
});
