import { jsonErrorOffset } from '../../../runtime/modules/json-position.ts';

const VALID = [
  '{}',
  ' [ ] ',
  '"a\\n\\u00e4\\""',
  '-1.5e+3',
  '{"a":[1,true,null,{"b":"c"}],"d":{}}',
  '[[],[[]],{"a":[]}]\n',
];

/** A text, and the character that is wrong: the first `‸` stands before it. */
const WRONG = [
  '{"a": ‸abc}',
  '{"a": 1,\n ‸}',
  '{‸a: 1}',
  "{‸'a': 1}",
  '{"a" ‸1}',
  '{"a": 1 ‸"b": 2}',
  '[1, 2‸',
  '[1‸}',
  '[1,‸]',
  '[‸,1]',
  '{} ‸// a comment',
  '‸// a comment\n{}',
  '‸undefined',
  '[‸NaN]',
  '0‸1',
  '[1‸.]',
  '[‸.5]',
  '[‸+1]',
  '"a‸\n"',
  '"a‸\\x"',
  '"a‸\\u12"',
  '"abc‸',
  '{"a": [1, {"b": ‸',
  '‸',
  '‸\ufeff{}',
  '[‸tru',
];

test.each(VALID)('%j is right to its end', (text) => {
  expect(JSON.parse(text)).toBeDefined();
  expect(jsonErrorOffset(text)).toBe(text.length);
});

test.each(WRONG)('%j is wrong at the mark', (marked) => {
  const offset = marked.indexOf('‸');
  const text = marked.replace('‸', '');
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  expect(jsonErrorOffset(text)).toBe(offset);
});
