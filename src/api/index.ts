/**
 * The library: what a cell imports as 'tensorcell', and what `tensorcell` means in every cell. It works in plain Node
 * too, where output goes to the terminal.
 */
import { loadTf } from './tensorflow.ts';
import { loadTfWith } from '../tfjs/current.ts';

export * from '../data/index.ts';
export {
  $display,
  Chart,
  histogram,
  Roc,
  roc,
  clearOutput,
  ConfusionMatrix,
  confusionMatrix,
  display,
  ImageGrid,
  images,
  Weights,
  weights,
} from '../display/index.ts';
export type {
  Numbers,
  RocPoint,
  Classes,
  DisplayForms,
  DisplayHandle,
  ImagesOptions,
  Labels,
  WeightRow,
  RenderOptions,
} from '../display/index.ts';
export type {
  Device,
  DeviceProcess,
  MemoryDescription,
  TensorDescription,
} from '../machine/devices/index.ts';
export { devices, memory } from './devices.ts';
export { compile, device, eager, Profile, profile, setRandomSeed, traceable } from './tensorflow.ts';
export type { Compiled, CompileOptions, MixedPrecision } from './tensorflow.ts';
export { comms, confirm, input, NoFrontEndError, prompt } from '../base/front-end.ts';
export * as layers from '../training/layers/index.ts';
export * as pytorch from '../interop/pytorch/index.ts';
export * as safetensors from '../interop/safetensors/index.ts';
export { tagArray, type TaggedArray } from '../base/arrays/tagged.ts';
export { toFloat32 } from '../base/arrays/convert.ts';
export { python, PythonError } from '../interop/python/index.ts';
export type {
  ConversionOptions,
  PythonEnvironment,
  PythonErrorCode,
  PythonStatus,
} from '../interop/python/index.ts';
export * from '../training/index.ts';

loadTfWith(loadTf);
