/**
 * TensorFlow for TypeScript: `tf` on the best runtime of this machine.
 *
 * `loadTf()` gives tfjs with TensorFlow's C library behind it, `preload()` does the slow part of that beforehand
 * without blocking, and `describeBackend()` says what is used and why.
 */
export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { isComputing } from '../engines/tensorflow/graph/native-call.ts';
export { eager, traceable } from '../compile/guards/user-code.ts';
export type { MixedPrecision } from '../compile/lowering/precision.ts';
export { describeBackend, describeMemory } from './describe.ts';
export { restoreEngineState, saveEngineState, type EngineState } from './engine-state.ts';
export { TensorflowError } from '../engines/errors.ts';
export { profile, Profile } from './profile/profile.ts';
export { setRandomSeed } from '../compile/lowering/random.ts';
export type { Tf } from '../tfjs/instance.ts';
export { answerQuestions, device, loadTf, onBackendNotice, preload, tfIsReady } from './load-tf.ts';
