import { parseJson } from '../../base/files/index.ts';

export type ModelFileCode =
  | 'TENSORCELL_MODEL_FORMAT'
  | 'TENSORCELL_MODEL_UNSUPPORTED'
  | 'TENSORCELL_MODEL_TOO_LARGE'
  | 'TENSORCELL_MODEL_NOT_WRITTEN';

/** A model cannot be written in, or read from, a file format. The message names what does not fit. */
export class ModelFileError extends Error {
  readonly code: ModelFileCode;
  override name = 'ModelFileError';

  constructor(code: ModelFileCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Something of a model that the other side does not have. */
export function unsupported(message: string, cause?: unknown): ModelFileError {
  return new ModelFileError('TENSORCELL_MODEL_UNSUPPORTED', message, cause === undefined ? {} : { cause });
}

/** A file that is not what its name says. */
export function malformed(message: string, cause?: unknown): ModelFileError {
  return new ModelFileError('TENSORCELL_MODEL_FORMAT', message, cause === undefined ? {} : { cause });
}

/** An object out of a model's JSON. @throws ModelFileError for anything else */
export function parseModelJson(text: string | Uint8Array, name: string): Record<string, unknown> {
  let read: unknown;
  try {
    read = withoutPrototypes(parseJson(text, name, 'the JSON of a model'));
  } catch (error) {
    throw malformed((error as Error).message, error);
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw malformed(`${name} is not the JSON of a model: it is not an object`);
  }
  return read as Record<string, unknown>;
}

/** tfjs copies configurations property by property, where one named `__proto__` would set a prototype: they are dropped. */
function withoutPrototypes(value: unknown): unknown {
  const pending = [value];
  while (pending.length > 0) {
    const one = pending.pop();
    if (typeof one !== 'object' || one === null) continue;
    if (Object.hasOwn(one, '__proto__')) delete (one as Record<string, unknown>)['__proto__'];
    for (const item of Object.values(one)) pending.push(item);
  }
  return value;
}
