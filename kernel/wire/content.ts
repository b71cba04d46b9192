/** Checks what a client sent against the specification, and fills in what it may leave out. */
import { shownJson } from './json.ts';
import type { RequestType, Requests } from './messages.ts';
import { WireError } from './wire-error.ts';

/** Reads fields of one content and says which one is wrong, and how. */
class Fields {
  readonly #type: string;
  readonly #value: Record<string, unknown>;

  constructor(type: string, value: Record<string, unknown>) {
    this.#type = type;
    this.#value = value;
  }

  #fail(name: string, wanted: string): never {
    const shown = shownJson(this.#value[name]);
    throw new WireError('invalid-content', `${this.#type}: ${name} must be ${wanted}, not ${shown}`);
  }

  #absent(name: string): boolean {
    return this.#value[name] === undefined || this.#value[name] === null;
  }

  string(name: string, fallback?: string): string {
    if (fallback !== undefined && this.#absent(name)) return fallback;
    const value = this.#value[name];
    return typeof value === 'string' ? value : this.#fail(name, 'a string');
  }

  optionalString(name: string): string | undefined {
    return this.#absent(name) ? undefined : this.string(name);
  }

  boolean(name: string, fallback: boolean): boolean {
    if (this.#absent(name)) return fallback;
    const value = this.#value[name];
    return typeof value === 'boolean' ? value : this.#fail(name, 'true or false');
  }

  integer(name: string, fallback?: number): number {
    if (fallback !== undefined && this.#absent(name)) return fallback;
    const value = this.#value[name];
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#fail(name, 'an integer');
  }

  optionalInteger(name: string): number | undefined {
    return this.#absent(name) ? undefined : this.integer(name);
  }

  /** A position in a text: not negative. */
  position(name: string, fallback: number): number {
    const value = this.integer(name, fallback);
    return value >= 0 ? value : this.#fail(name, 'an integer from 0');
  }

  oneOf<T>(name: string, values: readonly T[], fallback?: T): T {
    if (fallback !== undefined && this.#absent(name)) return fallback;
    const value = this.#value[name] as T;
    return values.includes(value)
      ? value
      : this.#fail(name, `one of ${values.map((each) => String(each)).join(', ')}`);
  }

  strings(name: string): Record<string, string> {
    if (this.#absent(name)) return {};
    const value = this.#value[name];
    if (typeof value !== 'object' || Array.isArray(value)) this.#fail(name, 'an object');
    for (const item of Object.values(value as object)) {
      if (typeof item !== 'string') this.#fail(name, 'an object of strings');
    }
    return value as Record<string, string>;
  }

  any(name: string): unknown {
    return this.#value[name];
  }
}

const codePoints = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

const readers: { [T in RequestType]: (fields: Fields) => Requests[T] } = {
  execute_request: (fields) => {
    const silent = fields.boolean('silent', false);
    return {
      code: fields.string('code'),
      silent,
      // "silent: … forces store_history to be False"; else it is on unless the client says no.
      store_history: silent ? false : fields.boolean('store_history', true),
      user_expressions: fields.strings('user_expressions'),
      allow_stdin: fields.boolean('allow_stdin', true),
      stop_on_error: fields.boolean('stop_on_error', true),
    };
  },
  inspect_request: (fields) => {
    const code = fields.string('code');
    return {
      code,
      cursor_pos: fields.position('cursor_pos', codePoints(code)),
      detail_level: fields.oneOf<0 | 1>('detail_level', [0, 1], 0),
    };
  },
  complete_request: (fields) => {
    const code = fields.string('code');
    return { code, cursor_pos: fields.position('cursor_pos', codePoints(code)) };
  },
  history_request: (fields) => ({
    output: fields.boolean('output', false),
    raw: fields.boolean('raw', true),
    hist_access_type: fields.oneOf('hist_access_type', ['range', 'tail', 'search'] as const, 'tail'),
    session: fields.integer('session', 0),
    start: fields.integer('start', 1),
    stop: fields.optionalInteger('stop'),
    n: fields.optionalInteger('n'),
    pattern: fields.string('pattern', '*'),
    unique: fields.boolean('unique', false),
  }),
  is_complete_request: (fields) => ({ code: fields.string('code') }),
  comm_info_request: (fields) => ({ target_name: fields.optionalString('target_name') }),
  connect_request: () => ({}),
  kernel_info_request: () => ({}),
  comm_open: (fields) => ({
    comm_id: fields.string('comm_id'),
    target_name: fields.string('target_name'),
    data: fields.any('data') ?? {},
  }),
  comm_msg: (fields) => ({ comm_id: fields.string('comm_id'), data: fields.any('data') ?? {} }),
  comm_close: (fields) => ({ comm_id: fields.string('comm_id'), data: fields.any('data') ?? {} }),
  shutdown_request: (fields) => ({ restart: fields.boolean('restart', false) }),
  interrupt_request: () => ({}),
  debug_request: (fields) => ({
    type: fields.string('type', 'request'),
    seq: fields.integer('seq', 0),
    command: fields.string('command'),
  }),
  create_subshell_request: () => ({}),
  delete_subshell_request: (fields) => ({ subshell_id: fields.string('subshell_id') }),
  list_subshell_request: () => ({}),
  input_reply: (fields) => ({ value: fields.string('value') }),
};

export function isRequestType(type: string): type is RequestType {
  return Object.hasOwn(readers, type);
}

/** Throws WireError `invalid-content` that names the field and its value. */
export function readContent<T extends RequestType>(type: T, value: Record<string, unknown>): Requests[T] {
  return readers[type](new Fields(type, value));
}
