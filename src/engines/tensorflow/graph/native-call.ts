import type { Binding } from '../binding.ts';
import type { Pointer } from '../c-api/functions.ts';
import { cText, Status } from '../c-api/library.ts';
import type { FunctionCall } from '../../engine.ts';
import { asError } from '../../errors.ts';

/** Calls that run on background threads. */
let underWay = 0;

/** Whether TensorFlow computes on a background thread, which Node does not know of. */
export function isComputing(): boolean {
  return underWay > 0;
}

/**
 * One call of a function on a background thread, so that this one's event loop lives. Its results lie in memory of
 * C's: JavaScript can read them before the thread has reported, and they outlive JavaScript that is terminated in the middle.
 */
export class NativeCall implements FunctionCall {
  readonly #binding: Binding;
  readonly #name: string;
  readonly #outputs: number;
  readonly #op: Pointer;
  readonly #status: Status;
  /** Addresses of the outputs' handles, and behind them how many there are. */
  readonly #memory: Pointer;
  readonly #first = new Uint32Array(2);

  /** @param config the ConfigProto that the call brings along. */
  constructor(
    binding: Binding,
    name: string,
    config: Uint8Array,
    inputs: readonly Pointer[],
    outputs: number,
  ) {
    const { api, pointer } = binding.context;
    this.#binding = binding;
    this.#name = name;
    this.#outputs = outputs;
    this.#status = new Status(api);
    this.#memory = api.malloc(8 * outputs + 8);
    const words = new Uint32Array(2 * outputs + 2);
    words[2 * outputs] = outputs;
    api.copyIn(this.#memory, words, words.byteLength);
    this.#op = api.TFE_NewOp(pointer, cText(name), this.#status.pointer);
    this.#status.check(name);
    if (binding.device !== undefined) {
      api.TFE_OpSetDevice(this.#op, cText(binding.device), this.#status.pointer);
      this.#status.check(name);
    }
    api.TFE_OpSetAttrString(this.#op, cText('config_proto'), config, config.length);
    for (const input of inputs) api.TFE_OpAddInput(this.#op, input, this.#status.pointer);
    this.#status.check(name);
  }

  /** Whether TensorFlow has returned. */
  over(): boolean {
    const { api } = this.#binding.context;
    api.copyOut(this.#first, this.#memory, 8);
    return this.#first[0] !== 0 || this.#first[1] !== 0 || api.TF_GetCode(this.#status.pointer) !== 0;
  }

  /** Runs the call on this thread; the handles belong to the caller. */
  now(): Pointer[] {
    const count = this.#memory + 8 * this.#outputs;
    const begin = performance.now();
    this.#binding.context.api.TFE_ExecuteAt(this.#op, this.#memory, count, this.#status.pointer);
    this.#binding.observer?.call('execute', this.#name, begin, performance.now(), 0);
    return this.#finish();
  }

  /** Runs the call on another thread; the handles belong to the caller. */
  async async(): Promise<Pointer[]> {
    const count = this.#memory + 8 * this.#outputs;
    const begin = performance.now();
    await new Promise<void>((resolve, reject) => {
      underWay++;
      this.#binding.context.api.TFE_ExecuteAt.async(
        this.#op,
        this.#memory,
        count,
        this.#status.pointer,
        (error) => {
          underWay--;
          if (error) reject(asError(error));
          else resolve();
        },
      );
    });
    this.#binding.observer?.call('async', this.#name, begin, performance.now(), 0);
    return this.#finish();
  }

  #finish(): Pointer[] {
    const { api } = this.#binding.context;
    const words = new Uint32Array(2 * this.#outputs);
    api.copyOut(words, this.#memory, words.byteLength);
    api.TFE_DeleteOp(this.#op);
    api.free(this.#memory);
    try {
      this.#status.check(this.#name);
    } finally {
      api.TF_DeleteStatus(this.#status.pointer);
    }
    return Array.from(
      { length: this.#outputs },
      (_, i) => (words[2 * i + 1] as number) * 4294967296 + (words[2 * i] as number),
    );
  }
}
