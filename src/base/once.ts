import { reserveDescriptors, withSpareDescriptors } from './spare-descriptors.ts';

/**
 * A value that is loaded when it is needed first, and then kept. A failure (no file descriptor left, a file that is being replaced)
 * is not kept: the next call tries again.
 */
export function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  reserveDescriptors();
  return () => {
    if (loaded) return loaded;
    const loading = withSpareDescriptors(load);
    loaded = loading;
    loading.catch(() => {
      if (loaded === loading) loaded = undefined;
    });
    return loading;
  };
}
