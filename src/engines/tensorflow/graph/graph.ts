import { setGraphAttribute } from './graph-attributes.ts';
import { TF } from '../../dtypes.ts';
import type { GraphBuilder, MadeOperation, OperationObserver } from '../../engine.ts';
import type { GraphOutput, OpAttribute } from '../../ops.ts';
import type { CApi, Pointer } from '../c-api/functions.ts';
import { cText, Status } from '../c-api/library.ts';
import { separated } from './residual-activations.ts';
import { protoText, readProto } from '../../../base/protobuf/reader.ts';
import { checkShape } from '../../shape.ts';
import { int64List, newTensor } from '../c-api/tensor.ts';
import { TensorflowError } from '../../errors.ts';
import { Untraceable } from '../../untraceable.ts';

/** Facts of an op that the C API needs before the op can be put into a graph. */
interface OpDefinition {
  /** For each input, whether it is a list, and then how many tensors it takes (an attribute's name). */
  inputs: { list: boolean; count: string }[];
  /** Attributes that follow from the inputs: setting them too would be an error. */
  inferred: Set<string>;
}

const definitions = new Map<string, OpDefinition>();

/** Outputs as C reads a list of TF_Output: an address, a 32-bit index, padding. */
function outputList(outputs: readonly GraphOutput[]): BigInt64Array {
  const words = new BigInt64Array(Math.max(1, 2 * outputs.length));
  outputs.forEach(({ oper, index }, i) => {
    words[2 * i] = BigInt(oper);
    words[2 * i + 1] = BigInt(index);
  });
  return words;
}

/**
 * Ops that TensorFlow's optimizer fuses, or gives to oneDNN, in forms that abort for tensors without elements (2.21: a dense
 * layer on no features, with "could not create a primitive descriptor"; a batch normalization of no channels divides by 0).
 * Run one by one, the same ops answer.
 */
const ENDS_WITHOUT_ELEMENTS = /MatMul|Conv|Pool|BatchNorm|LRN|LSTM|GRU/;

/** A TensorFlow graph under construction. Shapes are known for everything that is put in. */
export class Graph implements GraphBuilder {
  readonly pointer: Pointer;
  readonly api: CApi;
  readonly status: Status;
  /** How many operations of each kind there are. */
  readonly histogram = new Map<string, number>();
  /** The beginning of the names of the operations that are added now; ends with a slash unless it is empty. */
  scope = '';
  /** Told of each operation that is about to be added, by its name without the scope. */
  observer: OperationObserver | undefined;
  /** The inputs and attributes of each operation. */
  readonly made = new Map<Pointer, MadeOperation>();
  /** The operations, in order and without names, for code that compares two graphs. */
  notes: string[] | undefined;
  readonly #ordinals = new Map<Pointer, number>();
  readonly #constants = new Map<string, GraphOutput>();
  #names: number;

  /** @param names the number in the first operation's name. */
  constructor(api: CApi, names = 0) {
    this.api = api;
    this.#names = names;
    this.status = new Status(api);
    this.pointer = api.TF_NewGraph();
  }

  dispose(): void {
    this.made.clear();
    this.api.TF_DeleteGraph(this.pointer);
    this.api.TF_DeleteStatus(this.status.pointer);
  }

  /** A name that no other operation of this graph has, as C reads it during the call. */
  #name(kind: string): Buffer {
    return Buffer.from(`${this.scope}${kind}${this.#names++}\0`);
  }

  /** An input; `shape` undefined for a resource. */
  placeholder(dtype: number, shape: readonly number[] | undefined): GraphOutput {
    const { api } = this;
    const node = api.TF_NewOperation(this.pointer, cText('Placeholder'), this.#name('input'));
    api.TF_SetAttrType(node, cText('dtype'), dtype);
    if (shape !== undefined) checkShape(shape, 'an input of a graph', true);
    if (shape !== undefined) api.TF_SetAttrShape(node, cText('shape'), int64List(shape), shape.length);
    const oper = this.#finish(node, 'Placeholder');
    this.#note(oper, 'Placeholder', [], [dtype, shape]);
    return { oper, index: 0 };
  }

  prepareInputs(type: string, inputs: readonly GraphOutput[]): readonly GraphOutput[] {
    return separated(this, type, inputs);
  }

  /** Lets the graph call a function. @param name what an error speaks of. */
  addFunction(made: Pointer, name?: string): void {
    this.api.TF_GraphCopyFunction(this.pointer, made, 0, this.status.pointer);
    this.status.check(name);
  }

  /** A constant; equal small ones are shared. */
  constant(
    shape: readonly number[],
    dtype: number,
    values: ArrayLike<number | bigint> | Uint8Array[],
  ): GraphOutput {
    const key =
      values.length <= 16 && dtype !== TF.STRING
        ? `${dtype} [${shape.join()}] ${Array.from(values as ArrayLike<number>, exactly).join()}`
        : '';
    const shared = this.#constants.get(key);
    if (shared !== undefined) return shared;
    const { api } = this;
    const tensor = newTensor(api, shape, dtype, values);
    const node = api.TF_NewOperation(this.pointer, cText('Const'), this.#name('const'));
    api.TF_SetAttrType(node, cText('dtype'), dtype);
    api.TF_SetAttrTensor(node, cText('value'), tensor, this.status.pointer);
    this.status.check('Const');
    const output = { oper: this.#finish(node, 'Const'), index: 0 };
    this.#note(output.oper, 'Const', [], this.notes && [dtype, shape, Array.from(values as number[], noted)]);
    api.TF_DeleteTensor(tensor);
    if (key !== '') this.#constants.set(key, output);
    return output;
  }

  /** @throws Untraceable where TensorFlow's optimizer would make an op of it that ends the process. */
  #refuseEmpty(type: string, inputs: readonly GraphOutput[]): void {
    if (!ENDS_WITHOUT_ELEMENTS.test(type)) return;
    // A vector without elements is a batch normalization's way to say that it has no averages yet.
    const empty = (shape: readonly number[] | undefined) => shape?.includes(0) === true && shape.length > 1;
    if (inputs.some((input) => empty(this.shape(input))))
      throw new Untraceable(`${type} has an input without elements`);
  }

  /**
   * Adds an operation; inputs are flat, as the eager API takes them.
   *
   * @throws TensorflowError when the op does not take these inputs: shapes are checked here.
   */
  operation(
    type: string,
    inputs: readonly GraphOutput[],
    attributes: readonly OpAttribute[] = [],
    control: readonly Pointer[] = [],
  ): Pointer {
    const { api } = this;
    const definition = this.#definition(type);
    this.#refuseEmpty(type, inputs);
    this.observer?.note(`op${this.#names}`, type);
    const node = api.TF_NewOperation(this.pointer, cText(type), this.#name('op'));
    let at = 0;
    for (const input of definition.inputs) {
      if (!input.list) {
        const one = inputs[at++];
        if (one === undefined)
          throw new TensorflowError('INVALID_ARGUMENT', `${type}: an input is missing`, { op: type });
        api.TF_AddInput(node, one);
        continue;
      }
      const count = attributes.find((attribute) => attribute.name === input.count);
      const others = definition.inputs.length - 1;
      const size = typeof count?.value === 'number' ? count.value : inputs.length - others;
      api.TF_AddInputList(node, outputList(inputs.slice(at, at + size)), size);
      at += size;
    }
    for (const attribute of attributes) {
      if (!definition.inferred.has(attribute.name)) setGraphAttribute(api, node, attribute);
    }
    for (const before of control) api.TF_AddControlInput(node, before);
    const oper = this.#finish(node, type);
    this.made.set(oper, { type, inputs, attributes });
    this.#note(oper, type, inputs, attributes);
    return oper;
  }

  #finish(node: Pointer, type: string): Pointer {
    const oper = this.api.TF_FinishOperation(node, this.status.pointer);
    this.status.check(type);
    this.histogram.set(type, (this.histogram.get(type) ?? 0) + 1);
    return oper;
  }

  #note(oper: Pointer, type: string, inputs: readonly GraphOutput[], more: unknown): void {
    if (this.notes === undefined) return;
    this.#ordinals.set(oper, this.#ordinals.size);
    const from = inputs.map(({ oper: input, index }) => `${this.#ordinals.get(input) ?? '?'}:${index}`);
    // Functions have different names in each graph.
    const rest = JSON.stringify(more, (_, value: unknown) => noted(value)).replaceAll(
      /tensorcell_[a-z]+_\d+\w*/g,
      'f',
    );
    this.notes.push(`${this.scope}${type}(${from.join()}) ${rest}`);
  }

  #definition(type: string): OpDefinition {
    const known = definitions.get(type);
    if (known !== undefined) return known;
    const { api } = this;
    const buffer = api.TF_NewBuffer();
    try {
      api.TF_GraphGetOpDef(this.pointer, cText(type), buffer, this.status.pointer);
      this.status.check(type);
      // struct TF_Buffer { const void *data; size_t length; … }
      const words = new BigUint64Array(2);
      api.copyOut(words, buffer, 16);
      const bytes = new Uint8Array(Number(words[1]));
      api.copyOut(bytes, Number(words[0]), bytes.length);
      const definition: OpDefinition = { inputs: [], inferred: new Set() };
      for (const { field, value } of readProto(bytes)) {
        if (field !== 2 || !(value instanceof Uint8Array)) continue;
        // message ArgDef { type_attr = 4; number_attr = 5; type_list_attr = 6; }
        const input = readProto(value);
        const [typeName, count, types] = [4, 5, 6].map((number) => protoText(input, number)) as [
          string,
          string,
          string,
        ];
        definition.inputs.push({ list: count !== '' || types !== '', count });
        for (const name of [typeName, count, types]) if (name !== '') definition.inferred.add(name);
      }
      definitions.set(type, definition);
      return definition;
    } finally {
      api.TF_DeleteBuffer(buffer);
    }
  }

  /** How many outputs an operation has. */
  outputs(oper: Pointer): number {
    return this.api.TF_OperationNumOutputs(oper);
  }

  dtype(output: GraphOutput): number {
    return this.api.TF_OperationOutputType(output);
  }

  /** The shape that TensorFlow inferred; undefined unless all of it is known. */
  shape(output: GraphOutput): number[] | undefined {
    const { api, status } = this;
    const rank = api.TF_GraphGetTensorNumDims(this.pointer, output, status.pointer);
    status.check();
    if (rank < 0) return undefined;
    if (rank === 0) return [];
    const dimensions = new BigInt64Array(rank);
    api.TF_GraphGetTensorShape(this.pointer, output, dimensions, rank, status.pointer);
    status.check();
    const shape = Array.from(dimensions, Number);
    return shape.every((size) => size >= 0) ? shape : undefined;
  }

  /** Tells TensorFlow a shape that it cannot infer. */
  setShape(output: GraphOutput, shape: readonly number[]): void {
    checkShape(shape, 'a tensor of a graph', true);
    this.api.TF_GraphSetTensorShape(
      this.pointer,
      output,
      int64List(shape),
      shape.length,
      this.status.pointer,
    );
    this.status.check();
  }

  /** Makes a TF_Function of the whole graph. */
  toFunction(name: string, inputs: readonly GraphOutput[], outputs: readonly GraphOutput[]): Pointer {
    const made = this.api.TF_GraphToFunction(
      this.pointer,
      cText(name),
      0,
      -1,
      0,
      inputs.length,
      outputList(inputs),
      outputs.length,
      outputList(outputs),
      0,
      0,
      0,
      this.status.pointer,
    );
    this.status.check(name);
    return made;
  }
}

/** Tells -0 from 0. */
function exactly(value: number | bigint): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A value as JSON can hold it without losing anything. */
function noted(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'number' && !Number.isFinite(value)
    ? String(value)
    : Object.is(value, -0)
      ? '-0'
      : value;
}
