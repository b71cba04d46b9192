import { shortenHome } from '../../../kernel/magics/path-completion.ts';
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

test.each([
  ['from /home/ada/.local/x', 'from ~/.local/x'],
  ['/home/ada', '~'],
  ["cp -r '/home/ada/n' ~/", "cp -r '~/n' ~/"],
  ['<code>/home/ada/n</code>', '<code>~/n</code>'],
  ['/home/adam/x /mnt/home/ada/x', '/home/adam/x /mnt/home/ada/x'],
  ['a /home/ada, b', 'a ~, b'],
])('the home folder in %j', (text, short) => {
  expect(shortenHome(text, '/home/ada/')).toBe(short);
  expect(shortenHome(text, '/')).toBe(text);
  expect(shortenHome(text, undefined)).toBe(text);
});
