import { expandVariables, splitWords } from '../../../kernel/magics/words.ts';

test.each([
  ['', []],
  ['  a  b ', ['a', 'b']],
  [`"a b" 'c "d"' e\\ f`, ['a b', 'c "d"', 'e f']],
  [`''`, ['']],
  [`a"b c"d`, ['ab cd']],
  [`"open end`, ['open end']],
  [`"a\\"b" '\\'`, ['a"b', '\\']],
])('splitWords(%j)', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test('expandVariables reads the environment, and nothing for unknown names', () => {
  expect(expandVariables('$A/${B}x/$C/$1/$', { A: 'a', B: 'b' })).toBe('a/bx//$1/$');
});
