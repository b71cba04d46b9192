import { EngineSession } from '../../../src/compile/state/engine-session.ts';
import type { Engine } from '../../../src/engines/engine.ts';

/** A session holds its engine by identity only. */
const engine = (): Engine => Object.create(null);

class Cache {
  readonly entries: string[] = [];
}
class OtherCache extends Cache {}

test('an engine has one session, and another engine another one', () => {
  const [a, b] = [engine(), engine()];
  expect(EngineSession.of(a)).toBe(EngineSession.of(a));
  expect(EngineSession.of(a)).not.toBe(EngineSession.of(b));
});

test('no two functions of an engine have the same name, whatever their kinds are', () => {
  const session = EngineSession.of(engine());
  const names = ['step', 'loop', 'step', 'xla', 'loop'].map((kind) => session.functionName(kind));
  expect(new Set(names).size).toBe(names.length);
  expect(names[0]).toMatch(/^tensorcell_step_\d+$/);
});

test('a session makes one object of each class', () => {
  const session = EngineSession.of(engine());
  const made = jest.fn(() => new Cache());
  const first = session.part(Cache, made);
  expect(session.part(Cache, made)).toBe(first);
  expect(made).toHaveBeenCalledTimes(1);
  const other = session.part(OtherCache, () => new OtherCache());
  expect(other).not.toBe(first);
  expect(session.part(Cache, made)).toBe(first);
});
