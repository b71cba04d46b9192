import type { NodeBackend, Tf } from '../instance.ts';
import { tfInternals } from '../instance.ts';
import { installBinaryGradients } from './binary.ts';
import { installComposites } from './composites.ts';
import { installConvolutionGradients } from './convolutions.ts';
import { installElementwiseGradients } from './elementwise.ts';
import { gradientTools } from './gradient-tools.ts';
import { installImageGradients } from './images.ts';
import { installIndexingGradients } from './indexing.ts';
import { installLinearGradients } from './linear.ts';
import { installMatrices } from './matrices.ts';
import { installPoolGradients } from './pools.ts';
import { installReductionGradients } from './reductions.ts';
import { installSparseGradients } from './sparse.ts';
import { installSpectralGradients } from './spectral.ts';

/** Kernels that have no gradient, and the reason. */
const WITHOUT_GRADIENT: Readonly<Record<string, string>> = {
  NonMaxSuppressionV5:
    'which boxes are kept jumps with the scores, and TensorFlow has no gradient of it either',
  Unique: 'equal values fall into one, so that no single one has the gradient',
  SparseReshape: 'it computes indices, which are integers',
  StaticRegexReplace: 'it computes texts',
  StringNGrams: 'it computes texts',
  StringSplit: 'it computes texts',
  StringToHashBucketFast: 'it computes integers of texts',
};

/**
 * Gradients of TensorFlow's ops, of any order: each is made of ops that have gradients. `test/tensorflow/gradients` holds
 * them against numeric differences and TensorFlow's own; docs/gradients.md lists them.
 */
export function installGradients(tf: Tf, backend: NodeBackend): void {
  const tools = gradientTools(tf, backend);
  const composites = installComposites(tools);
  installElementwiseGradients(tools);
  installBinaryGradients(tools);
  installReductionGradients(tools);
  installLinearGradients(tools);
  installMatrices(tools);
  installIndexingGradients(tools);
  installConvolutionGradients(tools, composites);
  installPoolGradients(tools, composites);
  installImageGradients(tools);
  installSparseGradients(tools, composites);
  installSpectralGradients(tools);
  tfInternals(tf).withoutGradient.reason = (kernel) => {
    const reason = WITHOUT_GRADIENT[kernel];
    return reason === undefined ? '' : ` It has none: ${reason}.`;
  };
}
