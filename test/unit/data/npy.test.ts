import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseNpy, parseNpyHeader, tensorValues } from '../../../src/data/formats/npy.ts';
import { unzip } from '../../../src/training/model-files/zip.ts';

const goldens = join(__dirname, '../../data/goldens');
const members = unzip(readFileSync(join(goldens, 'arrays.npz')), 'arrays.npz');
const numbers = Array.from({ length: 12 }, (_, index) => index - 3);

test.each<[string, string, number[], number[]]>([
  ['i1', 'int32', [3, 4], numbers],
  ['i8', 'int32', [3, 4], numbers],
  ['u2', 'int32', [3, 4], numbers.map(Math.abs)],
  ['big', 'int32', [3, 4], numbers.map((value) => value * 1000)],
  ['half', 'float32', [3, 4], numbers.map((value) => value / 8)],
  ['f4', 'float32', [3, 4], numbers.map((value) => value / 8)],
  ['f8', 'float32', [3, 4], numbers.map((value) => value / 8)],
  ['truth', 'bool', [3, 4], numbers.map((value) => Number(value > 0))],
  ['fortran', 'float32', [3, 4], numbers],
  ['scalar', 'float32', [], [2.5]],
  ['wide', 'float32', [2], [1, 2 ** 40]],
])('the file that NumPy saved as %s', (name, dtype, shape, expected) => {
  const array = parseNpy(members.get(`${name}.npy`)!, name);
  const { values, ...kind } = tensorValues(array.values, array.type);
  expect({ shape: array.shape, ...kind, values: Array.from(values) }).toEqual({
    shape,
    dtype,
    values: expected,
  });
});

test('16-bit floats: every kind of value', () => {
  const header = "{'descr': '<f2', 'fortran_order': False, 'shape': (7,), }";
  const file = Buffer.alloc(10 + header.length + 14);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  file.write(header, 10);
  const bits = [0x7c00, 0xfc00, 0x7e00, 0x0001, 0x8000, 0x3555, 0x7bff];
  for (const [at, value] of bits.entries()) file.writeUInt16LE(value, 10 + header.length + 2 * at);
  expect(Array.from(parseNpy(file).values as Float32Array)).toEqual([
    Infinity,
    -Infinity,
    Number.NaN,
    2 ** -24,
    -0,
    0.333251953125,
    65504,
  ]);
});

test('a file that is no array of numbers, or was cut short, is refused', () => {
  const whole = members.get('f4.npy')!;
  expect(() => parseNpy(Buffer.from('PNG'), 'x')).toThrow('x is not a .npy file');
  expect(() => parseNpy(whole.subarray(0, whole.length - 1), 'x.npy')).toThrow(
    'x.npy should have 176 bytes for shape [3, 4], but has 175: it was cut short',
  );
  expect(() => parseNpyHeader(whole.subarray(0, 60), 'x.npy')).toThrow(
    'x.npy was cut short: its header is not complete',
  );
  expect(() => parseNpy(readFileSync(join(goldens, 'text.npy')), 'text.npy')).toThrow(
    "text.npy holds <U1, not numbers: save it as numbers, with array.astype('float32') in Python",
  );
});
