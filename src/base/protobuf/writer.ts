// The few lines of protocol buffers that TensorFlow's C API asks for (protobuf.dev/programming-guides/encoding).

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** Builds one message: fields in the order of the calls. */
export class ProtoWriter {
  readonly #bytes: number[] = [];

  /** Integers, enums and booleans. */
  int(field: number, value: number | bigint | boolean): this {
    this.#bytes.push(...varint(field << 3), ...varint(typeof value === 'boolean' ? Number(value) : value));
    return this;
  }

  double(field: number, value: number): this {
    this.#bytes.push(...varint((field << 3) | 1), ...new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  float(field: number, value: number): this {
    this.#bytes.push(...varint((field << 3) | 5), ...new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  /** Strings, bytes and nested messages. */
  bytes(field: number, value: string | Uint8Array | ProtoWriter): this {
    const content =
      typeof value === 'string'
        ? new TextEncoder().encode(value)
        : value instanceof ProtoWriter
          ? value.finish()
          : value;
    this.#bytes.push(...varint((field << 3) | 2), ...varint(content.length));
    for (const byte of content) this.#bytes.push(byte);
    return this;
  }

  get empty(): boolean {
    return this.#bytes.length === 0;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
