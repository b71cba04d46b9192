/**
 * The library: what a cell imports as 'tensorcell', and what `tensorcell` means in every cell. It works in plain Node
 * too, where output goes to the terminal.
 */
import { loadTf } from './tensorflow/index.ts';
import { loadTfWith } from './training/tf.ts';

export * from './data/index.ts';
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
} from './display/index.ts';
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
} from './display/index.ts';
export type { Device, DeviceProcess, MemoryDescription, TensorDescription } from './devices/index.ts';
export { devices, memory } from './devices/library.ts';
export { compile, device, eager, Profile, profile, setRandomSeed, traceable } from './tensorflow/index.ts';
export type { Compiled, CompileOptions, MixedPrecision } from './tensorflow/index.ts';
export { comms, confirm, input, NoFrontEndError, prompt } from './front-end.ts';
export * as layers from './layers/index.ts';
export * as pytorch from './pytorch/index.ts';
export * as safetensors from './safetensors/index.ts';
export { tagArray, type TaggedArray } from './arrays/tagged.ts';
export { toFloat32 } from './arrays/convert.ts';
export { python, PythonError } from './python/index.ts';
export type { CrossingOptions, PythonEnvironment, PythonErrorCode, PythonStatus } from './python/index.ts';
export * from './training/index.ts';

loadTfWith(loadTf);
