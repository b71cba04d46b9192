export * from './callbacks/index.ts';
export * from './model-files/index.ts';
export { installTraining } from './fit.ts';
export type { StepsPerExecution, TensorcellFitArgs } from './fit-arguments.ts';
export { progressMode } from './live-display.ts';
export type { DisplayMode } from './live-display.ts';
export { interrupted, progress } from './progress.ts';
export type { AsyncProgress, LoopMetrics, Progress, ProgressOptions } from './progress.ts';
export * from './schedules.ts';
