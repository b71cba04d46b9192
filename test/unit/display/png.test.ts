import { inflateSync } from 'node:zlib';
import { encodePng } from '../../../src/display/png.ts';

test('a PNG file with header, rows and checksums', () => {
  const png = encodePng(2, 1, 3, new Uint8Array([255, 0, 0, 0, 0, 255]));
  expect(png.subarray(0, 33).toString('hex')).toBe(
    // Signature; IHDR: 2 x 1, 8 bits, colour type 2; its CRC was computed by Python's zlib.crc32.
    '89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd',
  );
  const length = png.readUInt32BE(33);
  expect(png.toString('latin1', 37, 41)).toBe('IDAT');
  expect([...inflateSync(png.subarray(41, 41 + length))]).toEqual([0, 255, 0, 0, 0, 0, 255]);
  expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
});

test('the number of samples must fit', () => {
  expect(() => encodePng(2, 2, 1, new Uint8Array(3))).toThrow(
    '3 samples are not an image of 2 × 2 pixels with 1 channels',
  );
});
