/**
 * The runtime process's description of its backend: the answer to the question `device`. The kernel process
 * prints it next to the findings on the machine.
 */
export interface BackendDescription {
  /** False until TensorFlow was loaded; the rest then says what it will be. */
  loaded: boolean;
  /** As `tf.getBackend()` says it: `tensorflow`, or `cpu` for the pure JavaScript one. */
  backend: string;
  /** The runtime of the store that serves: name (`cpu`, `cuda`, `directml`, `python`), version and folder. */
  runtime?: { name: string; version: string; path: string };
  tensorflowVersion?: string;
  /** The library that was loaded. */
  library?: string;
  /** In TensorFlow's own names, such as `/job:localhost/replica:0/task:0/device:GPU:0`. */
  devices: { name: string; type: string }[];
  threads?: { intraOp: number; interOp: number };
  /** Sum of Tensorcell's handles and variables; the C API has no query of the allocator. */
  memory: { tensors: number; bytes: number; peakBytes?: number };
  /** Better choices that were not taken, best first. */
  rejected: { what: string; why: string; fix?: string }[];
  /** Process id, to tell our share from a driver's list of processes. */
  pid?: number;
}

/** The answer to the question `memory`. */
export interface MemoryDescription {
  /** The largest first, at most 1000. */
  tensors: TensorDescription[];
  count: number;
  bytes: number;
  peakBytes?: number;
  /** Live tensors, by the cell that made it; 0 where that is not known. */
  byExecution: Record<number, { count: number; bytes: number }>;
  pid?: number;
}

export interface TensorDescription {
  id: number;
  shape: number[];
  dtype: string;
  bytes: number;
  /** The cell that made it; 0 when unknown. */
  execution: number;
  ageMs: number;
  /** Its name, when it is a variable. */
  variable?: string;
}
