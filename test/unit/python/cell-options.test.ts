import { parseCellOptions } from '../../../kernel/magics/python.ts';

test('options of a Python cell', () => {
  expect(parseCellOptions('')).toEqual({ env: undefined, in: [], out: [] });
  expect(parseCellOptions('--env "/my env" --in a,b --out=c --in d')).toEqual({
    env: '/my env',
    in: ['a', 'b', 'd'],
    out: ['c'],
  });
});

test.each([
  ['x', '%%python x: write %%python [--env PATH] [--in a,b] [--out c,d]'],
  ['--in', '%%python --in needs a value'],
  ['--in a,,b', '%%python --in a,,b: "" is not a variable name'],
  ['--out $a', '%%python --out $a: names in Python cannot contain $'],
])('%s is refused', (line, message) => {
  expect(() => parseCellOptions(line)).toThrow(message);
});
