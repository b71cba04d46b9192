/**
 * Called for each field of a message: numbers come as `value`, everything with a length as the range from `start` to
 * `end` of the same bytes.
 */
export type FieldVisitor = (field: number, value: number, start: number, end: number) => void;

/**
 * Walks over the fields of a protocol buffer message without copying, for messages of many megabytes; `readProto` is
 * the handy form. Numbers beyond 2^53 lose precision.
 */
export function visitProto(
  bytes: Uint8Array,
  visit: FieldVisitor,
  start = 0,
  end: number = bytes.length,
): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('a protocol buffer ends in the middle of a number');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const field = tag >>> 3;
    switch (tag & 7) {
      case 0:
        visit(field, varint(), 0, 0);
        break;
      case 1:
        visit(field, 0, at, at + 8);
        at += 8;
        break;
      case 2: {
        const length = varint();
        visit(field, 0, at, at + length);
        at += length;
        break;
      }
      default:
        visit(field, 0, at, at + 4);
        at += 4;
    }
  }
}
