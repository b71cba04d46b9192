import { parseCsv } from '../../../src/data/formats/csv.ts';

test('columns of numbers, of text, and with gaps', () => {
  expect(parseCsv('\uFEFFname,age,note\r\nAda,36,x\r\n"Grace, ""G""",NA,\r\n')).toEqual([
    { name: 'Ada', age: 36, note: 'x' },
    { name: 'Grace, "G"', age: null, note: null },
  ]);
});

test('one cell that is not a number makes a column of text', () => {
  expect(parseCsv('a\n1\n2x\n')).toEqual([{ a: '1' }, { a: '2x' }]);
  expect(parseCsv('a;b\n-1.5e3;.5', { separator: ';' })).toEqual([{ a: -1500, b: 0.5 }]);
});

test('line ends within quotes, empty lines, names from outside', () => {
  expect(parseCsv('"a\nb",1\n\n"c",2', { columns: ['t', 'n'] })).toEqual([
    { t: 'a\nb', n: 1 },
    { t: 'c', n: 2 },
  ]);
});

test('rows that do not fit, and open quotes', () => {
  expect(() => parseCsv('a,b\n1,2\n3\n', {}, 'x.csv')).toThrow(
    'x.csv: row 2 has 1 cells, but there are 2 columns (a, b)',
  );
  expect(() => parseCsv('a\n"b\n')).toThrow('the text: a quote is opened in row 1 and never closed');
});
