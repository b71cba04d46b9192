import type { CudaReport } from '../cuda/report.ts';
import type { DirectxReport } from '../directx/report.ts';
import type { NvmlReport } from '../nvml/report.ts';

/** Questions that only a library of a driver can answer, each with the library's path on this machine. */
export interface Answers {
  nvml: NvmlReport;
  cuda: CudaReport;
  directx: DirectxReport;
}

export type Question = keyof Answers;

export interface ProbeRequest {
  id: number;
  question: Question;
  library: string;
}

export type ProbeReply = { id: number; value: unknown } | { id: number; error: string };
