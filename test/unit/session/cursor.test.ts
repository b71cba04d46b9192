import { codePointOffset, utf16Offset } from '../../../kernel/session/cursor.ts';

test('positions in code points and in code units', () => {
  const text = 'a😀b𝒳c';
  expect([0, 1, 2, 3, 4, 5, 9].map((at) => utf16Offset(text, at))).toEqual([0, 1, 3, 4, 6, 7, 7]);
  expect([0, 1, 2, 3, 4, 5, 6, 7, 99].map((at) => codePointOffset(text, at))).toEqual([
    0, 1, 1, 2, 3, 3, 4, 5, 5,
  ]);
});

test('there and back again, also with half a pair', () => {
  const text = 'x\ud83dy😀';
  for (let at = 0; at <= 4; at++) expect(codePointOffset(text, utf16Offset(text, at))).toBe(at);
});
