import { isAnsweredAtOnce } from '../../../kernel/session/immediate-magics.ts';

test.each([
  ['%training', true],
  ['  %training  \n\n// again\n%training\n', true],
  ['', false],
  ['// %training', false],
  ['%training\n1 + 1', false],
  ['%training now', false],
  ['%%training', false],
  ['%device', false],
  ['x %training', false],
])('%j: %s', (code, answered) => {
  expect(isAnsweredAtOnce(code)).toBe(answered);
});

test('a value that is no text is not', () => {
  expect(isAnsweredAtOnce(undefined)).toBe(false);
});
