/** The format of a picture, from its first bytes. */
export interface ImageFormat {
  mime: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  name: string;
  /** In pixels, where the header has the size near its start. */
  width?: number;
  height?: number;
}

function startsWith(bytes: Uint8Array, ...expected: number[]): boolean {
  return expected.every((byte, index) => bytes[index] === byte);
}

/** The format of a picture file in memory, by its signature; undefined for other bytes. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes.length < 24) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // PNG (third edition) 5.2: signature, then the IHDR chunk with width and height.
  if (startsWith(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) {
    return { mime: 'image/png', name: 'PNG', width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (startsWith(bytes, 0xff, 0xd8, 0xff)) return { mime: 'image/jpeg', name: 'JPEG' };
  if (startsWith(bytes, 0x47, 0x49, 0x46, 0x38)) {
    return {
      mime: 'image/gif',
      name: 'GIF',
      width: view.getUint16(6, true),
      height: view.getUint16(8, true),
    };
  }
  if (startsWith(bytes, 0x52, 0x49, 0x46, 0x46) && view.getUint32(8) === 0x57_45_42_50) {
    return { mime: 'image/webp', name: 'WebP' };
  }
  return undefined;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
