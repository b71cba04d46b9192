import { DeviceBuffer, type Settler } from './buffers.ts';
import { NativeMemory, Struct, type Pointer } from './c-api/structs.ts';
import { Completion } from './completion.ts';
import { describeType, dtypeOfBuffer, sameType, type TensorType } from './dtypes.ts';
import { PjrtError } from './errors.ts';
import type { Session } from './session.ts';

/** A program in StableHLO, and what it takes and gives. */
export interface Program {
  /** For messages: `add`, `the training step`. */
  readonly name: string;
  /** A module with a function `main`. */
  readonly text: string;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  /** Outputs by the input whose memory they take over; `main` has `tf.aliasing_output` there. */
  readonly updates?: ReadonlyMap<number, number>;
}

/** A PJRT_Executable for the duration of an action; the plugin makes a new one for each request. */
export function withExecutable<T>(session: Session, loaded: Pointer, action: (executable: Pointer) => T): T {
  const what = 'asking for an executable';
  const executable = session.api.act('LoadedExecutableGetExecutable', loaded, what).get('executable');
  try {
    return action(executable);
  } finally {
    session.api.act('ExecutableDestroy', executable, what);
  }
}

/** The types of a program's results as the plugin knows them. */
function outputTypes(session: Session, loaded: Pointer): { buffer: number; shape: number[] }[] {
  const what = 'asking for results';
  const { api } = session;
  return withExecutable(session, loaded, (executable) => {
    const types = api.act('ExecutableOutputElementTypes', executable, what);
    const sizes = api.act('ExecutableOutputDimensions', executable, what);
    const ranks = api.words(sizes.get('ranks'), sizes.get('count'));
    const dims = api.words(
      sizes.get('dims'),
      ranks.reduce((sum, rank) => sum + rank, 0),
    );
    return api.ints(types.get('types'), types.get('count')).map((buffer, i) => ({
      buffer,
      shape: dims.splice(0, ranks[i]),
    }));
  });
}

/** A compiled program on a device. The structs of its calls are allocated once and live as long as it. */
export class Executable implements Settler {
  readonly program: Program;
  readonly #session: Session;
  #loaded: Pointer;
  readonly #inputs: BigUint64Array;
  /** Addresses of results; one that a buffer has taken is 0. */
  readonly #outputs: BigUint64Array;
  readonly #event: BigUint64Array;
  readonly #call: Struct<'LoadedExecutableExecute'>;
  /** The buffers that a call updates, while it runs: an interrupt may fall between the call and the bookkeeping. */
  #updated: [buffer: DeviceBuffer, output: number][] | undefined;
  #completion: Completion | undefined;
  /** Outputs that are new buffers. */
  readonly #fresh: readonly number[];

  /** Called before the native program is freed. */
  readonly #forget: () => void;

  /**
   * @param loaded a PJRT_LoadedExecutable, owned by this object; the object that an interrupt left with it is dropped
   * @param forget makes others forget the pointer; called before it is freed
   * @throws PjrtError when it gives other results than `program`
   */
  constructor(session: Session, loaded: Pointer, program: Program, forget: () => void = () => undefined) {
    this.#session = session;
    this.#loaded = loaded;
    this.#forget = forget;
    this.program = program;
    const memory = (words: number) => new NativeMemory(Math.max(1, words) * 8);
    const lists = [memory(program.inputs.length), memory(program.outputs.length), memory(1)] as const;
    const [inputs, outputs, event] = lists;
    const words = (of: NativeMemory) => new BigUint64Array(of.bytes.buffer);
    this.#inputs = words(inputs);
    this.#outputs = words(outputs);
    this.#event = words(event);
    const inputLists = memory(1);
    inputLists.point(0, inputs);
    const outputLists = memory(1);
    outputLists.point(0, outputs);
    this.#call = new Struct('LoadedExecutableExecute')
      .set('executable', loaded)
      .set('options', new Struct('ExecuteOptions'))
      .set('argumentLists', inputLists)
      .set('deviceCount', 1)
      .set('argumentCount', program.inputs.length)
      .set('outputLists', outputLists)
      .set('completeEvents', event);
    const aliased = new Set(program.updates?.values());
    this.#fresh = program.outputs.map((_, i) => i).filter((i) => !aliased.has(i));
    session.executables.set(loaded, this);
    this.#checkResults();
  }

  #checkResults(): void {
    const { name, outputs } = this.program;
    const actual = outputTypes(this.#session, this.#loaded);
    const same =
      actual.length === outputs.length &&
      actual.every(({ buffer, shape }, i) => {
        const dtype = dtypeOfBuffer(buffer);
        return dtype !== undefined && sameType({ dtype, shape }, outputs[i]!);
      });
    if (same) return;
    this.destroy();
    const named = actual.map(({ buffer, shape }) =>
      describeType({ dtype: dtypeOfBuffer(buffer) ?? buffer, shape }),
    );
    throw new PjrtError(
      'INTERNAL',
      `the compiled program of ${name} gives ${named.join(', ') || 'nothing'}, and ${outputs.map(describeType).join(', ') || 'nothing'} was expected. Please report this`,
    );
  }

  /** The native executable. @throws PjrtError once it is destroyed */
  pointer(): Pointer {
    this.#session.checkOpen();
    if (this.#loaded !== 0) return this.#loaded;
    throw new PjrtError('FAILED_PRECONDITION', `the program of ${this.program.name} was freed before`);
  }

  /**
   * Starts the program. Inputs that it updates have their new value afterwards; the other outputs are new buffers.
   * Returns before the device is done: reading a buffer waits, and throws the program's error.
   *
   * @throws PjrtError before anything happens when an input is dead or has another dtype or shape: the plugin would
   *   compute with its bytes as they are, or end the process
   */
  run(inputs: readonly DeviceBuffer[]): DeviceBuffer[] {
    this.settle();
    this.pointer();
    this.#checkInputs(inputs);
    const updated: [DeviceBuffer, number][] = [];
    for (const [input, output] of this.program.updates ?? []) updated.push([inputs[input]!, output]);
    this.#event[0] = 0n;
    this.#outputs.fill(0n);
    this.#completion = undefined;
    this.#updated = updated;
    for (const [buffer] of updated) buffer.enter(this);
    const failed = this.#session.api.native('LoadedExecutableExecute')(this.#call.address);
    if (failed !== 0) this.#fail(failed);
    const completion = this.#complete();
    for (const [buffer, output] of updated) buffer.take(this.#outputs, output, completion);
    const fresh: DeviceBuffer[] = [];
    for (const output of this.#fresh) {
      const buffer = new DeviceBuffer(this.#session, this.program.outputs[output]!);
      buffer.take(this.#outputs, output, completion);
      fresh.push(buffer);
    }
    this.#updated = undefined;
    this.#session.track(completion);
    return fresh;
  }

  #complete(): Completion {
    const what = `running ${this.program.name}`;
    this.#completion ??= new Completion(this.#session.api, Number(this.#event[0]), what);
    return this.#completion;
  }

  #checkInputs(inputs: readonly DeviceBuffer[]): void {
    const { name, inputs: types, updates } = this.program;
    if (inputs.length !== types.length) {
      throw new PjrtError(
        'INVALID_ARGUMENT',
        `${name} takes ${types.length} tensors, and ${inputs.length} were given`,
      );
    }
    for (const [i, buffer] of inputs.entries()) {
      const expected = types[i]!;
      const what = `input ${i} of ${name}`;
      if (buffer.session !== this.#session) {
        throw new PjrtError('INVALID_ARGUMENT', `${what} is on a device of another client: copy it first`);
      }
      if (!sameType(buffer.type, expected)) {
        throw new PjrtError(
          'INVALID_ARGUMENT',
          `${what} is ${describeType(buffer.type)}, and the program takes ${describeType(expected)}`,
        );
      }
      this.#inputs[i] = BigInt(buffer.pointer(what));
    }
    for (const input of updates?.keys() ?? []) {
      const twice = inputs.findIndex((buffer, i) => i !== input && buffer === inputs[input]);
      if (twice >= 0) {
        throw new PjrtError(
          'INVALID_ARGUMENT',
          `${name} updates input ${input} in place, and input ${twice} is the same tensor: copy it first`,
        );
      }
    }
  }

  /** The plugin has refused the call, before or after it took the donated values. */
  #fail(error: Pointer): never {
    const { name } = this.program;
    const updated = this.#updated ?? [];
    this.#updated = undefined;
    const thrown = this.#session.api.takeError(error, `running ${name}`);
    for (const [buffer] of updated) {
      buffer.leave();
      if (buffer.deleted) buffer.lose(`${name} updates it and failed. Set the variables again`);
    }
    throw thrown;
  }

  /** Finishes the bookkeeping of a call that an interrupt cut short; the results that have no buffer are freed. */
  settle(): void {
    const updated = this.#updated;
    if (updated === undefined) return;
    if (this.#event[0] === 0n) {
      for (const [buffer] of updated) {
        buffer.leave();
        // The plugin may have refused the call after it took the values.
        if (buffer.deleted)
          buffer.lose(`${this.program.name} updates it and failed. Set the variables again`);
      }
      this.#updated = undefined;
      return;
    }
    const completion = this.#complete();
    for (const [buffer, output] of updated) {
      if (this.#outputs[output] !== 0n) buffer.take(this.#outputs, output, completion);
    }
    for (const output of this.#fresh) {
      const left = Number(this.#outputs[output]);
      this.#outputs[output] = 0n;
      if (left !== 0) this.#session.destroyBuffer(left);
    }
    this.#updated = undefined;
    this.#session.track(completion);
  }

  /** Frees the program; a second call does nothing. Calls that run finish. */
  destroy(): void {
    this.settle();
    const loaded = this.#loaded;
    this.#forget();
    this.#loaded = 0;
    this.#session.executables.delete(loaded);
    if (loaded === 0 || this.#session.closed) return;
    this.#session.api.act('LoadedExecutableDestroy', loaded, 'freeing a program');
  }
}
