/**
 * The names that every cell has in scope without an import, for the language service. Nothing runs this file: the runtime process
 * installs the values.
 */
import * as tensorflow from '@tensorflow/tfjs';
import './layer-arguments.ts';
import * as library from '../index.ts';

declare global {
  export import tf = tensorflow;
  export import tensorcell = library;
  const display: typeof library.display;
  const clearOutput: typeof library.clearOutput;
  const input: typeof library.input;
  const prompt: typeof library.prompt;
  const confirm: typeof library.confirm;
  const comms: typeof library.comms;
  const python: typeof library.python;
}
