import type { Loose } from './case.ts';

/** Ops of `tf` that no gradient goes through, by the reason. */
const WITHOUT: Record<string, string[]> = {
  'makes a tensor from plain numbers': [
    'eye',
    'fill',
    'linspace',
    'ones',
    'range',
    'scalar',
    'tensor',
    'tensor1d',
    'tensor2d',
    'tensor3d',
    'tensor4d',
    'tensor5d',
    'tensor6d',
    'variable',
    'zeros',
    'cosineWindow',
    'signal.hammingWindow',
    'signal.hannWindow',
  ],
  'draws numbers from parameters that are not tensors': [
    'rand',
    'randomGamma',
    'randomNormal',
    'randomStandardNormal',
    'randomUniform',
    'randomUniformInt',
    'truncatedNormal',
  ],
  'returns a promise, which gradients cannot await': [
    'booleanMaskAsync',
    'inTopKAsync',
    'setdiff1dAsync',
    'whereAsync',
    'image.nonMaxSuppressionAsync',
    'image.nonMaxSuppressionPaddedAsync',
    'image.nonMaxSuppressionWithScoreAsync',
  ],
  'not differentiable: computes integers or shapes': [
    'broadcastArgs',
    'raggedRange',
    'image.threshold',
    'math.confusionMatrix',
    'sparse.sparseReshape',
    'string.stringToHashBucketFast',
  ],
  'not differentiable: computes strings': [
    'string.staticRegexReplace',
    'string.stringNGrams',
    'string.stringSplit',
  ],
  'not differentiable: equal values become one, so no single value has the gradient': ['unique'],
  'not differentiable: the set of kept boxes changes discontinuously with the scores': [
    'image.nonMaxSuppressionWithScore',
  ],
};

/** Functions of `tf` that are no ops. */
const NO_OPS = new Set(
  (
    'backend buffer copyRegisteredKernels customGrad deprecationWarn deregisterOp disableDeprecationWarnings dispose ' +
    'disposeVariables enableDebugMode enableProdMode enclosingPowerOfTwo engine env findBackend findBackendFactory ' +
    'getBackend getGradient getKernel getKernelsForBackend grad grads input keep loadGraphModel loadGraphModelSync ' +
    'loadLayersModel memory model nextFrame op print profile ready registerBackend registerCallbackConstructor ' +
    'registerGradient registerKernel registerOp removeBackend sequential setBackend setPlatform sumOutType tidy time ' +
    'train unregisterGradient unregisterKernel upcastType valueAndGrad valueAndGrads variableGrads'
  ).split(' '),
);

const GROUPS = ['fused', 'image', 'linalg', 'losses', 'math', 'signal', 'sparse', 'spectral', 'string'];

/** Names of all ops of `tf`; an op that has several names by its first one. */
export function opsOf(tf: Loose): string[] {
  const names = new Map<unknown, string>();
  const gather = (group: Record<string, unknown>, prefix: string) => {
    for (const [name, value] of Object.entries(group)) {
      const isOp = typeof value === 'function' && /^[a-z]/.test(name) && !(prefix === '' && NO_OPS.has(name));
      if (isOp && !names.has(value)) names.set(value, prefix + name);
    }
  };
  gather(tf as Record<string, unknown>, '');
  for (const group of GROUPS)
    gather((tf as Record<string, Record<string, unknown>>)[group] ?? {}, `${group}.`);
  return [...names.values()].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}

/** Why an op has no gradient; undefined where it should have one. */
export function reasonWithout(op: string): string | undefined {
  return Object.entries(WITHOUT).find(([, ops]) => ops.includes(op))?.[0];
}
