import { createHash } from 'node:crypto';
import type { FunctionDigests } from '../../engine.ts';
import type { CApi, Pointer } from '../c-api/functions.ts';
import type { Status } from '../c-api/library.ts';
import { readProto, type ProtoField } from '../../../base/protobuf/reader.ts';

/**
 * The contents of the functions of one graph, as texts that are equal exactly when TensorFlow would run the same operations
 * on the same inputs. Names of layers, variables and functions are replaced by numbers in the order of their first
 * appearance: a model that is built anew gives all its layers new names.
 *
 * The text is made from the FunctionDef, which is all that TensorFlow sees (tensorflow/core/framework/function.proto,
 * node_def.proto, attr_value.proto), and not from what was traced: a part that is forgotten here cannot be missing.
 */
export class FunctionContent implements FunctionDigests {
  /** Scopes of operations such as `dense_1.layer`, in the order of their first appearance. */
  readonly scopes: string[] = [];
  readonly #api: CApi;
  readonly #status: Status;
  readonly #scopes = new Map<string, number>();
  /** Digests of functions that others call, by name. */
  readonly #functions = new Map<string, string>();

  constructor(api: CApi, status: Status) {
    this.#api = api;
    this.#status = status;
  }

  /** The digest of a function; functions that it calls come before it. */
  digest(name: string, pointer: Pointer): string {
    const digest = createHash('sha256')
      .update(this.#text(this.#definition(name, pointer)))
      .digest('base64');
    this.#functions.set(name, digest);
    return digest;
  }

  #definition(name: string, pointer: Pointer): Uint8Array {
    const api = this.#api;
    const buffer = api.TF_NewBuffer();
    try {
      api.TF_FunctionToFunctionDef(pointer, buffer, this.#status.pointer);
      this.#status.check(name);
      // struct TF_Buffer { const void *data; size_t length; … }
      const words = new BigUint64Array(2);
      api.copyOut(words, buffer, 16);
      const bytes = new Uint8Array(Number(words[1]));
      api.copyOut(bytes, Number(words[0]), bytes.length);
      return bytes;
    } finally {
      api.TF_DeleteBuffer(buffer);
    }
  }

  #text(definition: Uint8Array): string {
    // FunctionDef { signature = 1, node_def = 3, ret = 4, attr = 5, control_ret = 6, arg_attr = 7 }
    const lines: string[] = [];
    const unordered: string[] = [];
    const names = new Map<string, string>();
    const outputs = new Map<string, string>();
    for (const { field, value } of readProto(definition)) {
      const bytes = value as Uint8Array;
      switch (field) {
        case 1:
          lines.push(...signature(bytes, names, outputs));
          break;
        case 3:
          lines.push(this.#node(bytes, names));
          break;
        case 4:
        case 6: {
          const { key, value: to } = mapEntry(bytes);
          const name = outputs.get(key) ?? key;
          unordered.push(`returns ${name} ${this.#input(text(to), names)}`);
          break;
        }
        default: {
          if (!(value instanceof Uint8Array)) throw new TypeError(`a function has a field ${field}`);
          unordered.push(`field ${field} ${text(bytes)}`);
        }
      }
    }
    return [...lines, ...unordered.sort()].join('\n');
  }

  #node(bytes: Uint8Array, names: ReadonlyMap<string, string>): string {
    // NodeDef { name = 1, op = 2, input = 3, device = 4, attr = 5, experimental_debug_info = 6 }
    const parts: string[] = [];
    // TensorFlow orders control inputs by name, and attributes as it happens.
    const unordered: string[] = [];
    for (const { field, value } of readProto(bytes)) {
      const part = value as Uint8Array;
      if (field === 1) parts.push(this.#name(text(part)));
      else if (field === 3) {
        const input = this.#input(text(part), names);
        (input.startsWith('^') ? unordered : parts).push(input);
      } else if (field === 5) {
        const entry = mapEntry(part);
        unordered.push(`${entry.key}=${this.#attribute(entry.value)}`);
      } else if (field !== 6) parts.push(`${field}:${text(part)}`);
    }
    return JSON.stringify([...parts, ...unordered.sort()]);
  }

  /** An AttrValue; functions (NameAttrList func = 10 { name = 1 }) by what they compute. */
  #attribute(bytes: Uint8Array): string {
    const fields = readProto(bytes);
    const called = fields.find(({ field }) => field === 10)?.value;
    if (!(called instanceof Uint8Array)) return text(bytes);
    return readProto(called)
      .map(({ field, value }) => {
        const part = text(value as Uint8Array);
        return `${field}:${field === 1 ? (this.#functions.get(part) ?? part) : part}`;
      })
      .join();
  }

  /** An input of a node: `argument`, `node:output:index` or `^node`. */
  #input(given: string, names: ReadonlyMap<string, string>): string {
    const argument = names.get(given);
    if (argument !== undefined) return argument;
    const [, control = '', node = '', rest = ''] = /^(\^?)([^:]*)(.*)$/s.exec(given) ?? [];
    return `${control}${names.get(node) ?? this.#name(node)}${rest}`;
  }

  /** A node's name with its scope as a number. */
  #name(name: string): string {
    const end = name.lastIndexOf('/');
    if (end < 0) return name;
    const scope = name.slice(0, end);
    let number = this.#scopes.get(scope);
    if (number === undefined) {
      number = this.scopes.push(scope) - 1;
      this.#scopes.set(scope, number);
    }
    return `${number}/${name.slice(end + 1)}`;
  }
}

/** Bytes as a text that loses nothing. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function mapEntry(bytes: Uint8Array): { key: string; value: Uint8Array } {
  const fields = readProto(bytes);
  const of = (wanted: number) =>
    (fields.find(({ field }) => field === wanted)?.value as Uint8Array | undefined) ?? new Uint8Array();
  return { key: text(of(1)), value: of(2) };
}

/** Notes a function's arguments and results by their place, and gives what else its signature says. */
function signature(bytes: Uint8Array, inputs: Map<string, string>, outputs: Map<string, string>): string[] {
  // OpDef { name = 1, input_arg = 2, output_arg = 3, control_output = 20 }; ArgDef { name = 1 }
  const lines: string[] = [];
  const rest = (fields: readonly ProtoField[]): string =>
    JSON.stringify(
      fields
        .filter(({ field }) => field !== 1)
        .map(({ field, value }) => [field, typeof value === 'number' ? value : text(value)]),
    );
  for (const { field, value } of readProto(bytes)) {
    if (field === 1) continue;
    if (typeof value === 'number') {
      lines.push(`signature ${field} ${value}`);
      continue;
    }
    if (field !== 2 && field !== 3) {
      lines.push(`signature ${field} ${text(value)}`);
      continue;
    }
    const fields = readProto(value);
    const name = text(
      (fields.find((one) => one.field === 1)?.value as Uint8Array | undefined) ?? new Uint8Array(),
    );
    if (field === 2) inputs.set(name, `argument ${inputs.size}`);
    else outputs.set(name, `result ${outputs.size}`);
    lines.push(`${field === 2 ? 'takes' : 'gives'} ${rest(fields)}`);
  }
  return lines;
}
