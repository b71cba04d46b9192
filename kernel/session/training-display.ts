/** The display of the running training, kept for `%training`: a page that was reloaded has lost its display. */
import type { DisplayPayload } from '../contracts/values.ts';
import type { Execution } from './executions.ts';
import type { Iopub } from './iopub.ts';

const GONE = 'The runtime process ended before this training did.';

export class TrainingDisplay {
  readonly #iopub: Pick<Iopub, 'publish'>;
  #last: { payload: DisplayPayload; execution: Execution | undefined } | undefined;

  constructor(iopub: Pick<Iopub, 'publish'>) {
    this.#iopub = iopub;
  }

  /** Shown anywhere under the same display id, it is updated there too: front ends see to that. */
  get last(): DisplayPayload | undefined {
    return this.#last?.payload;
  }

  /** Looks at every display on its way out. */
  take(payload: DisplayPayload, execution: Execution | undefined): void {
    if (payload.training !== undefined && payload.displayId !== undefined)
      this.#last = { payload, execution };
  }

  /** A training that ran in the process that ended does not go on: its display reports that. */
  runtimeEnded(): void {
    const last = this.#last;
    if (last?.payload.training !== 'running') return;
    const { data, metadata, displayId } = last.payload;
    const text = typeof data['text/plain'] === 'string' ? data['text/plain'] : '';
    const html = data['text/html'];
    const ended: DisplayPayload = {
      ...last.payload,
      data: {
        'text/plain': `${text}\n${GONE}`,
        ...(typeof html === 'string' ? { 'text/html': `${html}<p>${GONE}</p>` } : {}),
      },
      training: 'ended',
    };
    this.#last = { payload: ended, execution: last.execution };
    this.#iopub.publish(
      'update_display_data',
      { data: ended.data, metadata, transient: displayId === undefined ? {} : { display_id: displayId } },
      last.execution?.parent,
    );
  }
}
