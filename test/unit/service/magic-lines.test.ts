import { blankMagics } from '../../../kernel/language/service/magic-lines.ts';

const MAGICS = new Set(['who', 'time', 'timeit', 'bash', 'cd']);
const blanked = (source: string) => blankMagics(source, MAGICS).text;

describe('blankMagics', () => {
  test.each([
    ['%who', '    '],
    ['  %cd ..\nx', '        \nx'],
    ['!ls -la', '       '],

    ['%time const a = 1', '      const a = 1'],
    ['%%time\nconst a = 1', '      \nconst a = 1'],
    ['const a = b\n%cd\n%who', 'const a = b\n   \n    '],
  ])('blanks %j', (source, expected) => {
    expect(blanked(source)).toBe(expected);
  });

  test.each([
    'const r = a\n  %b',
    'const r = a %\n who',
    'total %=\n who',
    'a %b',
    '!ready && start()',
    '!ready;',
    '!(a || b)',
    '!!x',
    '!a === b',
    '!done ? 1 : 2',
    '`\n%who\n!ls`',
    '/*\n%who\n*/',
    '"a `" + 1 // `\nb',
    'if (!ready) x()',
  ])('leaves %j', (source) => {
    expect(blanked(source)).toBe(source);
  });

  test('a cell magic over something else is no TypeScript at all', () => {
    expect(blankMagics('%%bash\nls %x', MAGICS)).toEqual({ text: '      \n     ', foreign: true });
  });

  test('keeps the length, whatever is in the line', () => {
    const source = '!echo "😀 größe"\nx';
    expect(blanked(source)).toHaveLength(source.length);
  });

  test('without a list every name is a magic', () => {
    expect(blankMagics('%anything goes', undefined).text.trim()).toBe('');
  });
});
