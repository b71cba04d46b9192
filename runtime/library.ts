/** The parts of the library that the runtime process needs, in one bundle that is loaded after the process has begun to answer. */
export * as tensorcell from '../src/api/index.ts';
export * as tslab from '../src/display/tslab.ts';
export { consoleTable, isDisplayHandle, renderAsync } from '../src/display/index.ts';
export {
  answerQuestions,
  isComputing,
  loadTf,
  preload,
  restoreEngineState,
  saveEngineState,
  tfIsReady,
  type EngineState,
} from '../src/api/tensorflow.ts';
