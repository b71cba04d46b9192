import { readRegular } from '../base/files/index.ts';
import type { Tf } from '../tfjs/instance.ts';

interface FileSource {
  input: unknown;
  iterator(): Promise<unknown>;
}

/** `tf.data.csv('file://…')` and other sources read regular files only: devices and pipes may never end. */
export function installFileSource(tf: Tf): void {
  const { prototype } = tf.data.FileDataSource as unknown as { prototype: FileSource };
  // eslint-disable-next-line typescript/unbound-method -- called with its object below
  const { iterator } = prototype;
  prototype.iterator = async function read(this: FileSource) {
    const { input } = this;
    if (typeof input === 'string' && input.startsWith('file://')) this.input = readRegular(input.slice(7));
    return iterator.call(this);
  };
}
