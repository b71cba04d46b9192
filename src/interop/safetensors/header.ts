/**
 * The header of a safetensors file, as the format's description and its reference implementation have it
 * (huggingface/safetensors: README and safetensors/src/tensor.rs): 8 bytes with the header's length, the header as JSON,
 * then the tensors' bytes without gaps.
 */
import { dtypeBytes, elementCount, shapeProblem, type Dtype } from '../../base/arrays/dtype.ts';

export type SafetensorsErrorCode = 'malformed' | 'unsupported' | 'not-found';

/** A safetensors file is damaged, or does not hold the requested tensor. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly code: SafetensorsErrorCode;

  constructor(code: SafetensorsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The format's own names. */
const NAMES = {
  BOOL: 'bool',
  F4: 'float4_e2m1fn',
  F6_E2M3: 'float6_e2m3fn',
  F6_E3M2: 'float6_e3m2fn',
  U8: 'uint8',
  I8: 'int8',
  F8_E5M2: 'float8_e5m2',
  F8_E4M3: 'float8_e4m3fn',
  F8_E8M0: 'float8_e8m0fnu',
  F8_E4M3FNUZ: 'float8_e4m3fnuz',
  F8_E5M2FNUZ: 'float8_e5m2fnuz',
  I16: 'int16',
  U16: 'uint16',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  U32: 'uint32',
  F32: 'float32',
  C64: 'complex64',
  F64: 'float64',
  I64: 'int64',
  U64: 'uint64',
} as const satisfies Record<string, Dtype>;

const dtypes = new Map<string, Dtype>(Object.entries(NAMES));
const formatNames = new Map<Dtype, string>([...dtypes].map(([name, dtype]) => [dtype, name]));

/** The reference implementation refuses longer headers: memory should not depend on eight bytes of a file. */
const LONGEST_HEADER = 100_000_000;

export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Where its bytes begin, from the beginning of the file. */
  readonly start: number;
  readonly bytes: number;
}

export interface Header {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** How long the header is. @throws SafetensorsError when the file is too short for what it says. */
export function headerLength(first: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < 8 || first.length < 8) {
    throw new SafetensorsError(
      'malformed',
      `${file} has ${fileBytes} bytes: too short for a safetensors file`,
    );
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > LONGEST_HEADER) {
    throw new SafetensorsError(
      'malformed',
      `${file} says that its header has ${length} bytes, more than the format allows (${LONGEST_HEADER}): ` +
        'it is damaged, or not a safetensors file',
    );
  }
  if (8 + Number(length) > fileBytes) {
    throw new SafetensorsError(
      'malformed',
      `${file} is cut off: it has ${fileBytes} bytes, and its header alone takes ${8n + length}`,
    );
  }
  return Number(length);
}

/** Whether a JSON object of tensors names one twice, which `JSON.parse` does not tell. */
function namesTwice(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (const { 0: token } of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1)) as string;
      if (seen.has(name)) return name;
      seen.add(name);
    }
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function entryOf(name: string, value: unknown, dataStart: number, file: string): TensorEntry {
  const wrong = (what: string) => new SafetensorsError('malformed', `${file}: tensor '${name}' ${what}`);
  if (!isRecord(value)) throw wrong('is not described by an object');
  const { dtype: format, shape, data_offsets: offsets } = value;
  const dtype = typeof format === 'string' ? dtypes.get(format) : undefined;
  if (dtype === undefined) {
    throw new SafetensorsError(
      'unsupported',
      `${file}: tensor '${name}' has the dtype ${JSON.stringify(format)}, which is not supported`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) throw wrong(`has the shape ${JSON.stringify(shape)}`);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isCount(begin) || !isCount(end) || end < begin) {
    throw wrong(`lies at the offsets ${JSON.stringify(offsets)}`);
  }
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw wrong(`has the shape [${shape.slice(0, 8).join(', ')}…]: ${problem}`);
  const bytes = elementCount(shape) * dtypeBytes(dtype);
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    throw wrong(
      `takes ${bytes} bytes as ${format as string} of shape [${shape.join(', ')}], but has ${end - begin}`,
    );
  }
  return { dtype, shape: Object.freeze([...shape]), start: dataStart + begin, bytes };
}

/**
 * Reads a header.
 *
 * @param json its bytes, without the eight before.
 * @throws SafetensorsError naming the tensor that is not as it should be: an unknown dtype, a shape that does not fit its
 * bytes, bytes that overlap, leave a gap or lie behind the file's end.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): Header {
  const bad = (what: string, cause?: unknown) =>
    new SafetensorsError('malformed', `${file}: ${what}`, cause === undefined ? {} : { cause });
  if (json[0] !== 0x7b) throw bad('its header does not begin with {: it is not a safetensors file');
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    header = JSON.parse(text);
  } catch (error) {
    throw bad(`its header is not JSON: ${(error as Error).message}`, error);
  }
  if (!isRecord(header)) throw bad('its header is not an object');
  const twice = namesTwice(text);
  if (twice !== undefined) throw bad(`its header names '${twice}' twice`);
  const metadata: [string, string][] = [];
  const given = header['__metadata__'];
  if (given !== undefined) {
    if (!isRecord(given)) throw bad('its metadata is not an object');
    for (const [key, value] of Object.entries(given)) {
      if (typeof value !== 'string') throw bad(`its metadata '${key}' is not text`);
      metadata.push([key, value]);
    }
  }
  const dataStart = 8 + json.length;
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, entryOf(name, value, dataStart, file));
  }
  let at = dataStart;
  for (const [name, { start, bytes }] of [...tensors].sort(
    ([, a], [, b]) => a.start - b.start || a.bytes - b.bytes,
  )) {
    if (start !== at)
      throw bad(`tensor '${name}' ${start < at ? 'overlaps the one before' : 'leaves a gap before it'}`);
    at += bytes;
  }
  if (at > fileBytes) throw bad(`it is cut off: its tensors end at byte ${at}, the file at ${fileBytes}`);
  if (at < fileBytes) throw bad(`${fileBytes - at} bytes follow the last tensor`);
  return { tensors, metadata: Object.fromEntries(metadata) };
}

export interface TensorDescription {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/**
 * The bytes before the data, and the order in which tensors follow: larger elements first, so that all are aligned.
 *
 * @throws SafetensorsError for a dtype that the format has no name for.
 */
export function formatHeader(
  tensors: ReadonlyMap<string, TensorDescription>,
  metadata: Readonly<Record<string, string>>,
): { bytes: Uint8Array; order: string[] } {
  const order = [...tensors].sort(
    ([nameA, a], [nameB, b]) => dtypeBytes(b.dtype) - dtypeBytes(a.dtype) || (nameA < nameB ? -1 : 1),
  );
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', metadata]);
  let at = 0;
  for (const [name, { dtype, shape }] of order) {
    const format = formatNames.get(dtype);
    if (format === undefined) {
      throw new SafetensorsError('unsupported', `tensor '${name}': safetensors files have no ${dtype}`);
    }
    const end = at + elementCount(shape) * dtypeBytes(dtype);
    entries.push([name, { dtype: format, shape, data_offsets: [at, end] }]);
    at = end;
  }
  // Not built with an object: a name that looks like a number would come first.
  const body = entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',');
  const json = new TextEncoder().encode(`{${body}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return { bytes, order: order.map(([name]) => name) };
}
