export { readLogs, TrainingCallback } from './callback.ts';
export type { FitStart, Logs } from './callback.ts';
export { CSVLogger } from './csv-logger.ts';
export { EarlyStopping } from './early-stopping.ts';
export type { EarlyStoppingOptions } from './early-stopping.ts';
export { LearningRateSchedule, LearningRateScheduler, ReduceLROnPlateau } from './learning-rate.ts';
export type { ReduceLROnPlateauOptions } from './learning-rate.ts';
export { TerminateOnNaN } from './terminate-on-nan.ts';
