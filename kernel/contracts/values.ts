/** MIME type -> value; binary formats are base64 text, JSON formats are plain values. */
export type MimeBundle = Record<string, unknown>;

export interface DisplayPayload {
  data: MimeBundle;
  metadata: Record<string, unknown>;
  /** Set when the display can be updated later. */
  displayId?: string;
  /** It shows a training: the kernel keeps the last one for `%training`. */
  training?: 'running' | 'ended';
}

export interface CellError {
  name: string;
  message: string;
  /** Lines as Jupyter shows them: ANSI colours allowed, no kernel frames, positions in the user's cell. */
  traceback: string[];
  /** The kind of failure, for programs: set for failures in Python. */
  code?: string;
  /** One line of help, which the kernel process shows below the traceback unless the cell has shown one. */
  hint?: string;
  /** Why the cell ended, where that is not an error thrown by user code. */
  reason?: 'interrupted' | 'runtime-died' | 'syntax' | 'types';
}
