import type { Context } from './c-api/context.ts';
import type { Pointer } from './c-api/functions.ts';
import { Status, cText } from './c-api/library.ts';
import { dtypeName } from '../dtypes.ts';
import { TensorflowError } from '../errors.ts';

/** The engine as a session needs it: the context that it runs in, and tensors by their numbers. */
export interface SessionTensors<Made> {
  readonly context: Context;
  readonly status: Status;
  /** The handle of a tensor. @throws TensorflowError when there is no such tensor */
  handle(id: number): Pointer;
  /** Takes over a handle, which is a tensor from then on. */
  adopt(handle: Pointer): Made;
}

interface Loaded {
  session: Pointer;
  graph: Pointer;
}

/** A list of TF_Output structs (an address, an int, padding) as C reads it. */
function outputList(outputs: readonly { oper: Pointer; index: number }[]): BigInt64Array {
  return BigInt64Array.from(outputs.flatMap(({ oper, index }) => [BigInt(oper), BigInt(index)]));
}

/** SavedModels of TensorFlow's Python side, run through a session. */
export class SavedModels<Made> {
  readonly #binding: SessionTensors<Made>;
  readonly #models = new Map<number, Loaded>();
  #nextId = 0;

  constructor(binding: SessionTensors<Made>) {
    this.#binding = binding;
  }

  get count(): number {
    return this.#models.size;
  }

  /** @throws TensorflowError when there is no model in the folder, or none with these tags (comma separated). */
  load(folder: string, tags: string): number {
    const { api, config } = this.#binding.context;
    const status = new Status(api);
    const options = api.TF_NewSessionOptions();
    api.TF_SetConfig(options, config, config.length, status.pointer);
    status.check();
    const graph = api.TF_NewGraph();
    const names = tags.split(',').map((tag) => BigInt(cText(tag)));
    const session = api.TF_LoadSessionFromSavedModel(
      options,
      0,
      cText(folder),
      BigInt64Array.from(names),
      names.length,
      graph,
      0,
      status.pointer,
    );
    status.check('LoadSavedModel');
    const id = this.#nextId++;
    this.#models.set(id, { session, graph });
    return id;
  }

  delete(id: number): void {
    const { api } = this.#binding.context;
    const { session, graph } = this.#model(id);
    this.#models.delete(id);
    const { pointer } = new Status(api);
    api.TF_CloseSession(session, pointer);
    api.TF_DeleteSession(session, pointer);
    api.TF_DeleteGraph(graph);
  }

  #model(id: number): Loaded {
    const model = this.#models.get(id);
    if (model === undefined) {
      throw new TensorflowError('NOT_FOUND', `SavedModel ${id} was disposed or never loaded`);
    }
    return model;
  }

  /** Names are comma separated graph operations, `name` or `name:output`. */
  run(id: number, inputs: number[], inputNames: string, outputNames: string): Made[] {
    const binding = this.#binding;
    const { api } = binding.context;
    const { status } = binding;
    const { session, graph } = this.#model(id);
    const outputOf = (name: string) => {
      const [operation = '', index = '0'] = name.split(':');
      const oper = api.TF_GraphOperationByName(graph, cText(operation));
      if (oper === 0) throw new TensorflowError('NOT_FOUND', `the SavedModel has no operation ${operation}`);
      const count = api.TF_OperationNumOutputs(oper);
      if (!/^\d+$/.test(index) || Number(index) >= count) {
        throw new TensorflowError(
          'INVALID_ARGUMENT',
          `the SavedModel has no output ${name}: operation ${operation} has ${count}, counted from 0`,
        );
      }
      return { oper, index: Number(index) };
    };
    const from = inputNames.split(',').filter(Boolean).map(outputOf);
    const to = outputNames.split(',').filter(Boolean).map(outputOf);
    // TensorFlow reads as many of each as it is told, and checks neither number.
    if (from.length !== inputs.length) {
      throw new TensorflowError(
        'INVALID_ARGUMENT',
        `the SavedModel takes ${from.length} inputs here (${inputNames}), and ${inputs.length} tensors were given`,
      );
    }
    for (const [at, input] of inputs.entries()) {
      const given = api.TFE_TensorHandleDataType(binding.handle(input));
      const wanted = api.TF_OperationOutputType(from[at] as (typeof from)[number]);
      if (given !== wanted) {
        throw new TensorflowError(
          'INVALID_ARGUMENT',
          `input ${inputNames.split(',')[at]} of the SavedModel is ${dtypeName(wanted)}, and a tensor of ${dtypeName(given)} was given: cast it`,
        );
      }
    }
    const tensors: bigint[] = [];
    try {
      for (const input of inputs) {
        tensors.push(BigInt(api.TFE_TensorHandleResolve(binding.handle(input), status.pointer)));
        status.check('RunSavedModel');
      }
      const results = new BigInt64Array(to.length);
      api.TF_SessionRun(
        session,
        0,
        outputList(from),
        BigInt64Array.from(tensors),
        tensors.length,
        outputList(to),
        results,
        to.length,
        0,
        0,
        0,
        status.pointer,
      );
      status.check('RunSavedModel');
      return [...results].map((result) => {
        const handle = api.TFE_NewTensorHandle(Number(result), status.pointer);
        api.TF_DeleteTensor(Number(result));
        status.check('RunSavedModel');
        return binding.adopt(handle);
      });
    } finally {
      for (const tensor of tensors) if (tensor !== 0n) api.TF_DeleteTensor(Number(tensor));
    }
  }
}
