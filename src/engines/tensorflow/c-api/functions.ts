import type * as koffiModule from 'koffi';
import type { LibraryHandle } from 'koffi';
import type { GraphOutput } from '../../ops.ts';

/** An address: user space ends at 2^47, so a number holds it exactly, and numbers are what koffi passes fastest. */
export type Pointer = number;

/** Memory that C reads or writes during the call. */
type Memory = NodeJS.ArrayBufferView;

/**
 * The functions of TensorFlow's C API that we call (tensorflow/c/c_api.h, tensorflow/c/eager/c_api.h), and a few of
 * the C library. `P` stands for an address, `M` for memory of this process.
 */
const declarations = {
  TF_Version: 'const char *TF_Version()',
  TF_NewStatus: 'P TF_NewStatus()',
  TF_DeleteStatus: 'void TF_DeleteStatus(P)',
  TF_SetStatus: 'void TF_SetStatus(P, int, P)',
  TF_GetCode: 'int TF_GetCode(P)',
  TF_Message: 'const char *TF_Message(P)',

  TF_LoadPluggableDeviceLibrary: 'P TF_LoadPluggableDeviceLibrary(P, P)',
  TFE_NewContextOptions: 'P TFE_NewContextOptions()',
  TFE_ContextOptionsSetConfig: 'void TFE_ContextOptionsSetConfig(P, M, size_t, P)',
  TFE_DeleteContextOptions: 'void TFE_DeleteContextOptions(P)',
  TFE_NewContext: 'P TFE_NewContext(P, P)',
  TFE_ContextListDevices: 'P TFE_ContextListDevices(P, P)',
  TF_DeviceListCount: 'int TF_DeviceListCount(P)',
  TF_DeviceListName: 'const char *TF_DeviceListName(P, int, P)',
  TF_DeviceListType: 'const char *TF_DeviceListType(P, int, P)',
  TF_DeviceListMemoryBytes: 'int64_t TF_DeviceListMemoryBytes(P, int, P)',
  TF_DeleteDeviceList: 'void TF_DeleteDeviceList(P)',

  TF_AllocateTensor: 'P TF_AllocateTensor(int, M, int, size_t)',
  TF_NewTensor: 'P TF_NewTensor(int, M, int, P, size_t, P, P)',
  TF_TensorData: 'P TF_TensorData(P)',
  TF_TensorByteSize: 'size_t TF_TensorByteSize(P)',
  TF_DeleteTensor: 'void TF_DeleteTensor(P)',
  TFE_TensorHandleCopySharingTensor: 'P TFE_TensorHandleCopySharingTensor(P, P)',
  TFE_NewTensorHandle: 'P TFE_NewTensorHandle(P, P)',
  TFE_DeleteTensorHandle: 'void TFE_DeleteTensorHandle(P)',
  TFE_TensorHandleResolve: 'P TFE_TensorHandleResolve(P, P)',
  TFE_TensorHandleDataType: 'int TFE_TensorHandleDataType(P)',
  TFE_TensorHandleNumDims: 'int TFE_TensorHandleNumDims(P, P)',
  TFE_TensorHandleDim: 'int64_t TFE_TensorHandleDim(P, int, P)',
  TFE_TensorHandleNumElements: 'int64_t TFE_TensorHandleNumElements(P, P)',
  TFE_TensorHandleDeviceName: 'const char *TFE_TensorHandleDeviceName(P, P)',
  TFE_TensorHandleBackingDeviceName: 'const char *TFE_TensorHandleBackingDeviceName(P, P)',

  TFE_NewOp: 'P TFE_NewOp(P, P, P)',
  TFE_OpReset: 'void TFE_OpReset(P, P, P, P)',
  TFE_DeleteOp: 'void TFE_DeleteOp(P)',
  TFE_OpSetDevice: 'void TFE_OpSetDevice(P, P, P)',
  TFE_OpAddInput: 'void TFE_OpAddInput(P, P, P)',
  TFE_OpSetAttrString: 'void TFE_OpSetAttrString(P, P, M, size_t)',
  TFE_OpSetAttrInt: 'void TFE_OpSetAttrInt(P, P, int64_t)',
  TFE_OpSetAttrIntList: 'void TFE_OpSetAttrIntList(P, P, M, int)',
  TFE_OpSetAttrFloat: 'void TFE_OpSetAttrFloat(P, P, float)',
  TFE_OpSetAttrFloatList: 'void TFE_OpSetAttrFloatList(P, P, M, int)',
  TFE_OpSetAttrBool: 'void TFE_OpSetAttrBool(P, P, uint8_t)',
  TFE_OpSetAttrBoolList: 'void TFE_OpSetAttrBoolList(P, P, M, int)',
  TFE_OpSetAttrType: 'void TFE_OpSetAttrType(P, P, int)',
  TFE_OpSetAttrTypeList: 'void TFE_OpSetAttrTypeList(P, P, M, int)',
  TFE_OpSetAttrShape: 'void TFE_OpSetAttrShape(P, P, M, int, P)',
  TFE_OpSetAttrFunctionName: 'void TFE_OpSetAttrFunctionName(P, P, P, size_t)',
  TFE_Execute: 'void TFE_Execute(P, M, M, P)',
  /** The same with memory of C's, for calls on another thread. */
  TFE_ExecuteAt: 'void TFE_Execute(P, P, P, P)',

  TFE_NewExecutor: 'P TFE_NewExecutor(uint8_t, uint8_t, int)',
  TFE_DeleteExecutor: 'void TFE_DeleteExecutor(P)',
  TFE_ContextSetExecutorForThread: 'void TFE_ContextSetExecutorForThread(P, P)',
  TFE_ContextGetExecutorForThread: 'P TFE_ContextGetExecutorForThread(P)',

  TF_NewBuffer: 'P TF_NewBuffer()',
  TF_DeleteBuffer: 'void TF_DeleteBuffer(P)',
  TF_NewSessionOptions: 'P TF_NewSessionOptions()',
  TF_SetConfig: 'void TF_SetConfig(P, M, size_t, P)',
  TF_NewGraph: 'P TF_NewGraph()',
  TF_DeleteGraph: 'void TF_DeleteGraph(P)',
  TF_LoadSessionFromSavedModel: 'P TF_LoadSessionFromSavedModel(P, P, P, M, int, P, P, P)',
  TF_CloseSession: 'void TF_CloseSession(P, P)',
  TF_DeleteSession: 'void TF_DeleteSession(P, P)',
  TF_SessionRun: 'void TF_SessionRun(P, P, M, M, int, M, M, int, P, int, P, P)',
  TF_GraphOperationByName: 'P TF_GraphOperationByName(P, P)',

  TF_GraphToFunction: 'P TF_GraphToFunction(P, P, uint8_t, int, P, int, M, int, M, P, P, P, P)',
  TF_DeleteFunction: 'void TF_DeleteFunction(P)',
  TF_FunctionToFunctionDef: 'void TF_FunctionToFunctionDef(P, P, P)',
  TF_GraphCopyFunction: 'void TF_GraphCopyFunction(P, P, P, P)',
  TFE_ContextAddFunction: 'void TFE_ContextAddFunction(P, P, P)',
  TFE_ContextRemoveFunction: 'void TFE_ContextRemoveFunction(P, P, P)',
  TFE_ContextHasFunction: 'uint8_t TFE_ContextHasFunction(P, P)',
  TF_FunctionSetAttrValueProto: 'void TF_FunctionSetAttrValueProto(P, P, M, size_t, P)',
  TF_NewOperation: 'P TF_NewOperation(P, P, M)',
  TF_AddInput: 'void TF_AddInput(P, TF_Output)',
  TF_AddInputList: 'void TF_AddInputList(P, M, int)',
  TF_AddControlInput: 'void TF_AddControlInput(P, P)',
  TF_FinishOperation: 'P TF_FinishOperation(P, P)',
  TF_SetAttrString: 'void TF_SetAttrString(P, P, M, size_t)',
  TF_SetAttrInt: 'void TF_SetAttrInt(P, P, int64_t)',
  TF_SetAttrIntList: 'void TF_SetAttrIntList(P, P, M, int)',
  TF_SetAttrFloat: 'void TF_SetAttrFloat(P, P, float)',
  TF_SetAttrFloatList: 'void TF_SetAttrFloatList(P, P, M, int)',
  TF_SetAttrBool: 'void TF_SetAttrBool(P, P, uint8_t)',
  TF_SetAttrBoolList: 'void TF_SetAttrBoolList(P, P, M, int)',
  TF_SetAttrType: 'void TF_SetAttrType(P, P, int)',
  TF_SetAttrTypeList: 'void TF_SetAttrTypeList(P, P, M, int)',
  TF_SetAttrShape: 'void TF_SetAttrShape(P, P, M, int)',
  TF_SetAttrTensor: 'void TF_SetAttrTensor(P, P, P, P)',
  TF_SetAttrFuncName: 'void TF_SetAttrFuncName(P, P, P, size_t)',
  TF_OperationOutputType: 'int TF_OperationOutputType(TF_Output)',
  TF_OperationNumOutputs: 'int TF_OperationNumOutputs(P)',
  TF_GraphGetOpDef: 'void TF_GraphGetOpDef(P, P, P, P)',
  TF_GraphSetTensorShape: 'void TF_GraphSetTensorShape(P, TF_Output, M, int, P)',
  TF_GraphGetTensorNumDims: 'int TF_GraphGetTensorNumDims(P, TF_Output, P)',
  TF_GraphGetTensorShape: 'void TF_GraphGetTensorShape(P, TF_Output, M, int, P)',

  TFE_NewCancellationManager: 'P TFE_NewCancellationManager()',
  TFE_CancellationManagerStartCancel: 'void TFE_CancellationManagerStartCancel(P)',
  TFE_DeleteCancellationManager: 'void TFE_DeleteCancellationManager(P)',
  TFE_OpSetCancellationManager: 'void TFE_OpSetCancellationManager(P, P, P)',
  TFE_ContextEnableGraphCollection: 'void TFE_ContextEnableGraphCollection(P)',
  TFE_ContextDisableGraphCollection: 'void TFE_ContextDisableGraphCollection(P)',
  TFE_ContextEnableRunMetadata: 'void TFE_ContextEnableRunMetadata(P)',
  TFE_ContextDisableRunMetadata: 'void TFE_ContextDisableRunMetadata(P)',
  TFE_ContextExportRunMetadata: 'void TFE_ContextExportRunMetadata(P, P, P)',
} as const;

const libc = {
  malloc: 'P malloc(size_t)',
  free: 'void free(P)',
  copyIn: 'P memcpy(P, M, size_t)',
  copyOut: 'P memcpy(M, P, size_t)',
  exitAtOnce: 'void _exit(int)',
} as const;

/** One output of a graph's operation, as C passes it by value. */
type ArgumentOf<T extends string> = T extends 'M' ? Memory : T extends 'TF_Output' ? GraphOutput : number;

type ArgumentsOf<T extends string> = T extends ''
  ? []
  : T extends `${infer First}, ${infer Rest}`
    ? [ArgumentOf<First>, ...ArgumentsOf<Rest>]
    : [ArgumentOf<T>];

type FunctionOf<T extends string> = T extends `const char *${string}(${infer A})`
  ? (...values: ArgumentsOf<A>) => string
  : T extends `void ${string}(${infer A})`
    ? (...values: ArgumentsOf<A>) => void
    : T extends `${string} ${string}(${infer A})`
      ? (...values: ArgumentsOf<A>) => number
      : never;

/** A call on another thread; `done` gets an error or the result. */
export interface Async<T extends (...values: never[]) => unknown> {
  async(...values: [...Parameters<T>, (error: unknown, result: ReturnType<T>) => void]): void;
}

type Functions<T extends Record<string, string>> = {
  readonly [Name in keyof T]: FunctionOf<T[Name]> & Async<FunctionOf<T[Name]>>;
};

export type CApi = Functions<typeof declarations> & Functions<typeof libc>;

/** A declaration's parts, in koffi's terms. */
export function parseDeclaration(text: string): { result: string; symbol: string; arguments: string[] } {
  const [, result = '', symbol = '', list = ''] = /^(.*?)\s*(\w+)\((.*)\)$/.exec(text) ?? [];
  return {
    result: result === 'P' ? 'int64_t' : result,
    symbol,
    arguments: list === '' ? [] : list.split(', ').map((type) => (type === 'P' ? 'int64_t' : type)),
  };
}

/** Looks every function up in the first library that has it. One that none has throws when it is called. */
export function bindFunctions(koffi: typeof koffiModule, libraries: LibraryHandle[]): CApi {
  const output = koffi.struct({ oper: 'int64_t', index: 'int' });
  const api: Record<string, unknown> = {};
  const bind = (name: string, declaration: string, from: LibraryHandle[]) => {
    const { result, symbol, arguments: list } = parseDeclaration(declaration);
    const types = list.map((type) => (type === 'M' ? 'void *' : type === 'TF_Output' ? output : type));
    for (const library of from) {
      try {
        api[name] = library.func(symbol, result, types);
        return;
      } catch {
        // Not in this library: the next one may have it.
      }
    }
    api[name] = () => {
      throw new Error(`this TensorFlow has no function ${symbol}`);
    };
  };
  for (const [name, declaration] of Object.entries(declarations)) bind(name, declaration, libraries);
  const system = [koffi.load(null)];
  for (const [name, declaration] of Object.entries(libc)) bind(name, declaration, system);
  // V8 keeps an object with this many properties as a hash table, unless it is a prototype: then access is as fast as
  // a field's, which is worth 0.2 µs an op.
  return Object.create(api) as CApi;
}
