import type * as Tf from '@tensorflow/tfjs';
import { asError } from '../../engines/errors.ts';
import type { StepOutcome } from '../../machine/hardware/report.ts';
import { requireGpu } from './gpu.ts';

/** float32 elements of 1 GiB. */
const GIB_ELEMENTS = 2 ** 28;
/** More than the largest card has. */
const MOST_GIB = 1024;

/** Whether an op still gives the right number after an error. */
function continues(tf: typeof Tf): boolean {
  return tf.tidy(() => tf.ones([1000]).sum().dataSync()[0]) === 1000;
}

function judge(tf: typeof Tf, error: unknown, gib: number): StepOutcome {
  const { message } = asError(error);
  const first = message.split('\n')[0] ?? '';
  if (!/out of memory/i.test(message))
    return { status: 'fails', found: `after ${gib} GiB another error: ${first}` };
  if (!continues(tf)) return { status: 'fails', found: `after the error an op gives a wrong number` };
  return {
    status: 'works',
    found: `after ${gib} GiB: ${first}; the next op is right`,
    measured: { allocated_gib: gib },
  };
}

/** Allocates tensors of 1 GiB until the GPU is full. */
export function outOfMemory(): StepOutcome {
  const { tf } = requireGpu();
  const held: Tf.Tensor[] = [];
  try {
    for (let gib = 0; gib < MOST_GIB; gib++) {
      const tensor = tf.ones([GIB_ELEMENTS]);
      held.push(tensor);
      // Ops on a GPU return before they ran: reading waits.
      tf.tidy(() => tensor.slice([0], [1]).dataSync());
    }
  } catch (error) {
    const count = held.length;
    for (const tensor of held.splice(0)) tensor.dispose();
    return judge(tf, error, count);
  } finally {
    for (const tensor of held) tensor.dispose();
  }
  return { status: 'fails', found: `${MOST_GIB} GiB were allocated without an error` };
}

/** With a limit of 1 GiB, a tensor of 1.5 GiB has no room. */
export function memoryLimit(): StepOutcome {
  const { tf } = requireGpu();
  try {
    tf.tidy(() =>
      tf
        .ones([GIB_ELEMENTS * 1.5])
        .slice([0], [1])
        .dataSync(),
    );
  } catch (error) {
    return judge(tf, error, 0);
  }
  return { status: 'fails', found: 'a tensor of 1.5 GiB was allocated under a limit of 1 GiB' };
}
