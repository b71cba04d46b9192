import { isHeavy, nests } from '../../../kernel/limits/weight.ts';

/** Each nests a level deeper with every repetition. */
const LEVELS = [
  '(',
  '[',
  '{',
  '!',
  '+ ',
  '`${',
  'a<',
  'a=>',
  'a?',
  'a?b:',
  'a=',
  'a:',
  'await ',
  'typeof ',
  'new ',
  'if(a)',
  'if(a)\n',
  'for(;;)',
  'a.b.',
  'a?.',
  '+a',
  '+\na',
  'a<b<(',
  '<a>',
  'f(";"+',
  '(")"+',
  'function f(){',
  'class A{a=',
  'a:{',
  '[{',
  '{a:[',
  'else ',
  'é=',
];

test.each(LEVELS)('%s, 2,000 times, is heavy', (level) => {
  expect(isHeavy(level.repeat(2000))).toBe(true);
});

test.each(['\n', ' ', 'const a = 1;\n', 'a = f(b, c);\n', 'let x = { a: [1, 2] };\n'])(
  '%j, 300 times, is not heavy',
  (unit) => {
    expect(isHeavy(unit.repeat(300))).toBe(false);
  },
);

test('a cell of 150 lines as people write them is not heavy, with semicolons or without', () => {
  const lines = [
    "const response = await fetch('https://example.org/data.json');",
    'const rows = (await response.json()).filter((row: Row) => row.price > 0);',
    'for (const { id, price } of rows) {',
    '  console.log(`${id}: ${price.toFixed(2)}`);',
    '}',
  ];
  const cell = Array.from({ length: 30 }, () => lines.join('\n')).join('\n');
  expect(isHeavy(cell)).toBe(false);
  expect(isHeavy(cell.replaceAll(';', ''))).toBe(false);
});

test('text of 50,000 characters is heavy, whatever it holds', () => {
  expect(isHeavy(' '.repeat(50_000))).toBe(true);
  expect(isHeavy(' '.repeat(49_999))).toBe(false);
});

test('closed brackets do not nest', () => {
  expect(nests('(a)'.repeat(100) + ';', 500)).toBe(false);
  expect(nests('f(a);'.repeat(5000), 10)).toBe(false);
  expect(nests('f(a,'.repeat(5), 10)).toBe(true);
});
