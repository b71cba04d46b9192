import { offsetAt, positionAt, withDetail } from '../../../kernel/language/service/completion.ts';
import { DROPPED, selectDiagnostics, shortMessage } from '../../../kernel/language/service/diagnostics.ts';
import { plainText, wordAt } from '../../../kernel/language/service/inspection.ts';

describe('shortMessage', () => {
  test('says the first sentence and the last reason', () => {
    expect(
      shortMessage(
        "Type 'A' is not assignable to type 'B'.\n  Types of 'x' differ.\n    Type '1' is not '2'.",
      ),
    ).toBe("Type 'A' is not assignable to type 'B': Type '1' is not '2'.");
    expect(shortMessage("Cannot find name 'x'.")).toBe("Cannot find name 'x'.");
  });

  test('names no internal document, and cuts endless types', () => {
    expect(shortMessage('Type \'import("/a b/__cell_history").__cell12.Net\' is wrong.')).toBe(
      "Type 'Net' is wrong.",
    );
    expect(shortMessage(`Type '${'x'.repeat(500)}' is wrong.`)).toBe(`Type '${'x'.repeat(120)}…' is wrong.`);
  });
});

describe('selectDiagnostics', () => {
  const at = (line: number, character: number) => ({ line, character });
  const context = { execution: 7, lines: 2, text: 'before\none\ntwo\nafter', directory: '/' };
  const found = (line: number, extra: object = {}) => ({
    range: { start: at(line, 1), end: at(line, 3) },
    code: 2322,
    severity: 1 as const,
    message: 'wrong',
    ...extra,
  });

  test('only what lies in the cell, each once, in the order of the text', () => {
    expect(selectDiagnostics([found(2), found(1), found(2), found(0), found(3)], context)).toEqual([
      {
        severity: 'error',
        code: 2322,
        message: 'wrong',
        start: { line: 0, column: 1 },
        end: { line: 0, column: 3 },
        execution: 7,
      },
      {
        severity: 'error',
        code: 2322,
        message: 'wrong',
        start: { line: 1, column: 1 },
        end: { line: 1, column: 3 },
        execution: 7,
      },
    ]);
  });

  test('no hints, and nothing of what is dropped, each with its reason', () => {
    const dropped = Object.keys(DROPPED).map((code) => found(1, { code: Number(code) }));
    expect(
      selectDiagnostics([...dropped, found(1, { severity: 3 }), found(1, { severity: 4 })], context),
    ).toEqual([]);
    expect(Object.values(DROPPED).every((reason) => reason.length > 10)).toBe(true);
  });

  test('an end behind the cell is the end of the cell', () => {
    const [diagnostic] = selectDiagnostics(
      [found(2, { range: { start: at(2, 0), end: at(3, 5) } })],
      context,
    );
    expect(diagnostic!.end).toEqual({ line: 1, column: 3 });
  });
});

describe('wordAt', () => {
  test.each([
    ['model.la|yers', 'model.layers'],
    ['a = model|', 'model'],
    ['|x', 'x'],
    ['a?.b?.c|', 'a.b.c'],
    ['f().na|me', undefined],
    ['list[0].na|me', undefined],
    ['"s".len|gth', undefined],
    ['größe.höh|e', 'größe.höhe'],
  ])('%s', (marked, path) => {
    expect(wordAt(marked.replace('|', ''), marked.indexOf('|'))?.path).toBe(path);
  });

  test.each(['1 |+ 2', '', '12|', '( | )'])('no word in %j', (marked) => {
    expect(wordAt(marked.replace('|', ''), Math.max(0, marked.indexOf('|')))).toBeUndefined();
  });
});

test('plainText takes the marks away', () => {
  expect(
    plainText('```typescript\nfunction f(a: string): void\n```\n*@param* `a` — see [docs](http://x) *now*'),
  ).toBe('function f(a: string): void\n@param a — see docs (http://x) now');
});

test('positions count UTF-16 code units, lines from 0', () => {
  const source = '😀a\nbc\n';
  expect(positionAt(source, 3)).toEqual({ line: 0, character: 3 });
  expect(positionAt(source, 5)).toEqual({ line: 1, character: 1 });
  expect(offsetAt(source, 1, 1)).toBe(5);
  expect(offsetAt(source, 9, 9)).toBe(source.length);
});

describe('withDetail', () => {
  const item = { text: 'x', type: 'variable' };
  test.each([
    ['(alias) class Zoo', { type: 'class' }],
    ['(alias) function zap(power: number): void', { type: 'function', signature: '(power: number): void' }],
    ['const relu: <T>(x: T) => T', { type: 'function', signature: '<T>(x: T) => T' }],
    ['let n: number', { type: 'variable', signature: 'number' }],
    ['(alias) module "x"', { type: 'module' }],
    ['type T = {\n    a: 1;\n}', { type: 'type', signature: '{ a: 1; }' }],
    [undefined, { type: 'variable' }],
  ])('%s', (detail, expected) => {
    expect(withDetail(item, detail)).toEqual({ text: 'x', ...expected });
  });
});
