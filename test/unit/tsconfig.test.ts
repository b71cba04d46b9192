import { mapped } from '../../kernel/tsconfig/index.ts';
import { parseJsonc } from '../../kernel/tsconfig/jsonc.ts';
import { loweringOptions } from '../../kernel/tsconfig/lowering.ts';

test.each<[string, unknown]>([
  ['{"a": 1}', { a: 1 }],
  [
    '\uFEFF{ // comment "x"\n "a": [1, 2,], /* , } */ "b": "// no, comment", }',
    { a: [1, 2], b: '// no, comment' },
  ],
  ['{"a": "quote \\" // and , }", "b": "/* x */",\n}', { a: 'quote " // and , }', b: '/* x */' }],
  ['{"paths": {"@/*": ["./*"]}}', { paths: { '@/*': ['./*'] } }],
])('parseJsonc(%j)', (text, value) => {
  expect(parseJsonc(text)).toEqual(value);
});

test.each(['', '{', '{"a" 1}', 'not { json ]'])('parseJsonc(%j) is an error', (text) => {
  expect(() => parseJsonc(text)).toThrow(SyntaxError);
});

const patterns = {
  '*': ['/any/*'],
  'a/*': ['/one/*', '/two/*.gen'],
  'a/b/*': ['/deep/*'],
  'x*y': ['/xy/*'],
  a: ['/exact'],
};

test.each([
  ['a', ['/exact']],
  ['a/c', ['/one/c', '/two/c.gen']],
  ['a/b/c', ['/deep/c']],
  ['a/b', ['/one/b', '/two/b.gen']],
  ['x-y', ['/xy/-']],
  ['xy', ['/xy/']],
  ['other', ['/any/other']],
])('mapped(%j) is %j', (specifier, candidates) => {
  expect(mapped(specifier, { patterns, onlyBase: false })?.candidates).toEqual(candidates);
});

test('a name without a pattern', () => {
  expect(mapped('b', { patterns: { a: ['/a'], 'c/*': ['/c/*'] }, onlyBase: false })).toBeUndefined();
});

test.each<[Record<string, unknown>, unknown]>([
  [{}, { defineFields: true }],
  [{ target: 'es2020' }, { defineFields: false }],
  [{ target: 'ES6', useDefineForClassFields: true }, { defineFields: true }],
  [{ target: 'esnext' }, { defineFields: true }],
  [
    { experimentalDecorators: true, strict: false },
    { defineFields: true, decorators: { metadata: false, strictNullChecks: false } },
  ],
  [{ jsxFactory: 'h' }, { defineFields: true, jsx: { factory: 'h', fragment: 'React.Fragment' } }],
])('loweringOptions(%j)', (options, expected) => {
  const config = { file: 'tsconfig.json', options, paths: { patterns: {}, onlyBase: false } };
  expect(loweringOptions(config)).toEqual(expected);
});
