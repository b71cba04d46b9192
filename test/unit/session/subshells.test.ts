import { Subshells } from '../../../kernel/session/subshells.ts';

function job(events: string[], name: string, stop = false) {
  let finish!: () => void;
  const ended = new Promise<void>((resolve) => (finish = resolve));
  return {
    finish,
    async run() {
      events.push(`run ${name}`);
      await ended;
      events.push(`end ${name}`);
      return stop;
    },
    abort: () => events.push(`abort ${name}`),
  };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('cells of one shell run one after the other, those of another at the same time', async () => {
  const events: string[] = [];
  const shells = new Subshells();
  const other = shells.create();
  const [a, b, c] = [job(events, 'a'), job(events, 'b'), job(events, 'c')];
  shells.find(null)!.push(a);
  shells.find(undefined)!.push(b);
  shells.find(other)!.push(c);
  await turn();
  expect(events).toEqual(['run a', 'run c']);
  c.finish();
  a.finish();
  await turn();
  b.finish();
  await turn();
  expect(events).toEqual(['run a', 'run c', 'end c', 'end a', 'run b', 'end b']);
});

test('a cell that fails aborts what waits behind it, and nothing that comes later', async () => {
  const events: string[] = [];
  const queue = new Subshells().find(null)!;
  const failing = job(events, 'a', true);
  queue.push(failing);
  queue.push(job(events, 'b'));
  queue.push(job(events, 'c'));
  failing.finish();
  await turn();
  const later = job(events, 'd');
  queue.push(later);
  later.finish();
  await turn();
  expect(events).toEqual(['run a', 'end a', 'abort b', 'abort c', 'run d', 'end d']);
});

test('created, listed, deleted', () => {
  const shells = new Subshells();
  const one = shells.create();
  const two = shells.create();
  expect(shells.list()).toEqual([one, two]);
  expect(shells.delete(one)).toBe(true);
  expect(shells.delete(one)).toBe(false);
  expect(shells.find(one)).toBeUndefined();
  expect(shells.list()).toEqual([two]);
});
