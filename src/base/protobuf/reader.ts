/** One field of a protocol buffer message: a number for varints, bytes for everything with a length. */
export interface ProtoField {
  field: number;
  value: number | Uint8Array;
}

/** The fields of a message, in order. Numbers beyond 2^53 lose precision; fixed-width fields are given as bytes. */
export function readProto(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('a protocol buffer ends in the middle of a number');
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    if (kind === 0) {
      fields.push({ field: tag >>> 3, value: varint() });
      continue;
    }
    const length = kind === 2 ? varint() : kind === 1 ? 8 : 4;
    fields.push({ field: tag >>> 3, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

/** A field's text; the empty string when it is not there. */
export function protoText(fields: readonly ProtoField[], field: number): string {
  const found = fields.find((entry) => entry.field === field);
  return found?.value instanceof Uint8Array ? new TextDecoder().decode(found.value) : '';
}
