import type { Binding } from '../../src/engines/tensorflow/binding.ts';
import { loadedTensorflow } from '../../src/engines/tensorflow/loading.ts';

/** TensorFlow's binding behind the engine's border, once `loadTf` has run. */
export function nativeBinding(): Binding {
  const loaded = loadedTensorflow();
  if (loaded === undefined) throw new Error('TensorFlow is not loaded');
  return loaded.binding;
}
