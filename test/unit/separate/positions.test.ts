import { frameOf, positionAt, positionsAt, problemAt } from '../../../kernel/language/compile/problems.ts';

test('positions of many offsets are those of each', () => {
  const source = '\na\r\nbc\n\n\ndéf\n😀x';
  const offsets = Array.from({ length: source.length + 1 }, (_, at) => at);
  expect(positionsAt(source, offsets)).toEqual(offsets.map((at) => positionAt(source, at)));
});

test('a frame shows the part of a long line around the problem', () => {
  const source = `${'a'.repeat(10_000)}!${'b'.repeat(10_000)}\nnext`;
  const frame = frameOf(source, problemAt(source, 'no', 10_000, 10_001));
  const [line, carets] = frame.split('\n') as [string, string];
  expect(frame.length).toBeLessThan(1000);
  expect(line[carets.indexOf('^')]).toBe('!');
});
