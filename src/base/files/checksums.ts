/** A cyclic redundancy check of 32 bits over a reflected polynomial, as most file formats have it. */
function checksumOf(polynomial: number): (bytes: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? polynomial ^ (value >>> 1) : value >>> 1;
    return value;
  });
  return (bytes) => {
    let crc = 0xff_ff_ff_ff;
    for (let index = 0; index < bytes.length; index++) {
      crc = (table[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
    }
    return (crc ^ 0xff_ff_ff_ff) >>> 0;
  };
}

/** The checksum of PNG and ZIP files (ISO 3309). */
export const crc32 = checksumOf(0xed_b8_83_20);

/** Castagnoli's checksum, of TensorBoard's event files (RFC 3720, appendix B.4). */
export const crc32c = checksumOf(0x82_f6_3b_78);
