import { crc32, deflateSync } from 'node:zlib';

/** Colour type by samples a pixel: PNG specification (third edition), 11.2.1. */
const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

export type Channels = keyof typeof COLOUR_TYPES;

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/**
 * A PNG file of 8 bits a sample. `pixels` are rows from the top, samples interleaved: 1 grey, 2 grey and alpha, 3 red
 * green blue, 4 with alpha.
 *
 * @throws RangeError when `pixels` has another length than `width * height * channels`.
 */
export function encodePng(width: number, height: number, channels: Channels, pixels: Uint8Array): Buffer {
  const stride = width * channels;
  if (pixels.length !== stride * height) {
    throw new RangeError(
      `${pixels.length} samples are not an image of ${width} × ${height} pixels with ${channels} channels`,
    );
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, COLOUR_TYPES[channels], 0, 0, 0], 8);
  // Each row is preceded by its filter type, 0: none.
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++)
    rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}
