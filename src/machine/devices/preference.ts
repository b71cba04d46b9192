/**
 * Ways to compute, best first. The device selection that people see and the process that loads a TensorFlow build follow this
 * order.
 */
export const PREFERENCE = ['cuda', 'directml', 'cpu', 'js'] as const;

/** Builds that compute on a GPU, best first. */
export const GPU_BUILDS = PREFERENCE.filter((name) => name === 'cuda' || name === 'directml');
