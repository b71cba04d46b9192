/** Remainders of each byte over Castagnoli's polynomial, reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0x82_f6_3b_78 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** Castagnoli's checksum, of TensorBoard's event files (RFC 3720, appendix B.4). `node:zlib` has only CRC-32. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (let index = 0; index < bytes.length; index++) {
    crc = (TABLE[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}
