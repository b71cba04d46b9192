import { formatHeader, headerLength, parseHeader } from '../../../src/interop/safetensors/header.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** A header whose data takes `data` bytes. */
function parse(header: unknown, data: number) {
  const json = encode(typeof header === 'string' ? header : JSON.stringify(header));
  return parseHeader(json, 8 + json.length + data, 'model.safetensors');
}

const a = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

test('a written header is read', () => {
  const tensors = new Map([
    ['b', { dtype: 'bool' as const, shape: [3] }],
    ['a', { dtype: 'float64' as const, shape: [2, 2] }],
    ['10', { dtype: 'float32' as const, shape: [] }],
    ['empty', { dtype: 'float32' as const, shape: [0, 5] }],
  ]);
  const { bytes, order } = formatHeader(tensors, { format: 'pt' });
  expect(bytes.length % 8).toBe(0);
  expect(order).toEqual(['a', '10', 'empty', 'b']);
  const length = headerLength(bytes, bytes.length + 39, 'f');
  const header = parseHeader(bytes.subarray(8, 8 + length), bytes.length + 39, 'f');
  expect(header.metadata).toEqual({ format: 'pt' });
  expect(Object.fromEntries(header.tensors)).toEqual({
    a: { dtype: 'float64', shape: [2, 2], start: bytes.length, bytes: 32 },
    10: { dtype: 'float32', shape: [], start: bytes.length + 32, bytes: 4 },
    empty: { dtype: 'float32', shape: [0, 5], start: bytes.length + 36, bytes: 0 },
    b: { dtype: 'bool', shape: [3], start: bytes.length + 36, bytes: 3 },
  });
});

test.each([
  ['[]', 0, 'does not begin with {'],
  ['{"a":', 0, 'its header is not JSON'],
  ['{"a\xff": 1}', 0, "'aÿ' is not described by an object"],
  [{ a: { ...a, dtype: 'Q8' } }, 8, 'has the dtype "Q8", which is not supported'],
  [{ a: { ...a, dtype: undefined } }, 8, 'has the dtype undefined, which is not supported'],
  [{ a: { ...a, shape: [-1] } }, 8, 'has the shape [-1]'],
  [{ a: { ...a, shape: [1.5] } }, 8, 'has the shape [1.5]'],
  [{ a: { ...a, shape: [2 ** 40, 2 ** 40] } }, 8, 'has more elements than can be counted'],
  [{ a: { ...a, shape: [3] } }, 8, 'takes 12 bytes as F32 of shape [3], but has 8'],
  [{ a: { ...a, data_offsets: [8, 0] } }, 8, 'lies at the offsets [8,0]'],
  [{ a: { ...a, data_offsets: [0] } }, 8, 'lies at the offsets [0]'],
  [{ a: { ...a, data_offsets: [-8, 0] } }, 8, 'lies at the offsets [-8,0]'],
  [{ a: { ...a, data_offsets: [4, 12] } }, 12, "'a' leaves a gap before it"],
  [{ a, b: { ...a, data_offsets: [4, 12] } }, 12, "'b' overlaps the one before"],
  [{ a }, 4, 'is cut off: its tensors end at byte'],
  [{ a }, 9, '1 bytes follow the last tensor'],
  [{ __metadata__: 1 }, 0, 'its metadata is not an object'],
  [{ __metadata__: { x: 1 } }, 0, "its metadata 'x' is not text"],
  [`{"a":${JSON.stringify(a)},"a":${JSON.stringify(a)}}`, 8, "its header names 'a' twice"],
  [`{"\\u0061":${JSON.stringify(a)},"a":${JSON.stringify(a)}}`, 8, "its header names 'a' twice"],
])('refuses %j', (header, data, message) => {
  expect(() => parse(header, data)).toThrow(message);
});

test('bytes that are no UTF-8 are refused', () => {
  expect(() => parseHeader(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 13, 'f')).toThrow(
    'its header is not JSON',
  );
});

test('the length before the header is checked before anything is read', () => {
  const eight = (length: bigint) => new Uint8Array(BigUint64Array.of(length).buffer);
  expect(() => headerLength(new Uint8Array(3), 3, 'f')).toThrow('f has 3 bytes: too short');
  expect(() => headerLength(eight(2n ** 63n), 100, 'f')).toThrow('more than the format allows');
  expect(() => headerLength(eight(200n), 100, 'f')).toThrow(
    'f is cut off: it has 100 bytes, and its header alone takes 208',
  );
});
