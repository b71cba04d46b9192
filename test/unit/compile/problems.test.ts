import { CompileError, frameOf, positionAt, problemAt } from '../../../kernel/language/compile/problems.ts';

describe('problems', () => {
  it('finds lines and columns', () => {
    expect(
      ['', 'a', 'a\nb', 'a\nb', 'a\r\nb', 'a\n'].map((text, at) =>
        positionAt(text, [0, 1, 2, 9, 3, 2][at] ?? 0),
      ),
    ).toEqual([
      { line: 0, column: 0 },
      { line: 0, column: 1 },
      { line: 1, column: 0 },
      { line: 1, column: 1 },
      { line: 1, column: 0 },
      { line: 1, column: 0 },
    ]);
  });

  it('shows two lines before and one after, numbers in line', () => {
    const source = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`).join('\n');
    const offset = source.indexOf('line 10');
    expect(frameOf(source, problemAt(source, 'no', offset, offset + 4))).toBe(
      ['   8 | line 8', '   9 | line 9', '> 10 | line 10', '     | ^^^^', '  11 | line 11'].join('\n'),
    );
  });

  it('marks at least one place, and to the end of the line at most', () => {
    expect(frameOf('ab\nc', problemAt('ab\nc', 'no', 1, 4))).toBe('> 1 | ab\n    |  ^\n  2 | c');
    expect(frameOf('', problemAt('', 'no', 0, 0))).toBe('> 1 |\n    | ^');
  });

  it('is an error with a code', () => {
    const error = new CompileError('x', problemAt('x', 'bad', 0, 1), '/a.ts');
    expect([error.code, error.name, error.message]).toEqual([
      'syntax',
      'SyntaxError',
      'bad (/a.ts:1:1)\n> 1 | x\n    | ^',
    ]);
  });
});
