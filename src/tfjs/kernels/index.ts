import type { NodeBackend, Tf } from '../instance.ts';
import { installDtypes } from './dtypes.ts';
import { installElementwise } from './elementwise.ts';
import { installImages } from './images.ts';
import { installIndexing } from './indexing.ts';
import { kernelTools } from './kernel-tools.ts';
import { installListGradients } from './list-gradients.ts';
import { installNumericPadding } from './numeric-padding.ts';
import { installDraws } from './random.ts';
import { installTextsAndLists } from './texts-and-lists.ts';

/**
 * Adds kernels that tfjs-node lacks, and repairs those that refuse what tfjs's other backends take, one file for each family
 * of ops. `test/judge` runs tfjs-core's own tests on them. Numeric ones are TensorFlow's ops; those on texts, ragged and
 * sparse tensors run in JavaScript, where TensorFlow itself would use the CPU too.
 *
 * @param notify is told once about each kernel that is slow.
 */
export function installAddedKernels(tf: Tf, backend: NodeBackend, notify: (line: string) => void): void {
  const tools = kernelTools(tf, backend, notify);
  const { replaceKernel } = tools;
  installTextsAndLists(tools);
  installIndexing(tools);
  installImages(tools);
  // Around the comparison of texts, which are none of their dtypes; within the kernels that cast for themselves.
  installDtypes(tf, replaceKernel);
  installElementwise(tools);
  installDraws(tools);
  installNumericPadding(tf, replaceKernel);
  installListGradients(tf);
}
