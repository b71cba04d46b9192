import { readRegular } from '../base/files/index.ts';
import type { Tf } from '../tfjs/instance.ts';
import { replaceMethod } from '../tfjs/replace-method.ts';

/** The part of tfjs's `FileDataSource` that its types hide. */
interface FileSource {
  input: unknown;
}

/** `tf.data.csv('file://…')` and other sources read regular files only: devices and pipes may never end. */
export function installFileSource(tf: Tf): void {
  const { prototype } = tf.data.FileDataSource;
  replaceMethod<FileSource, [], Promise<unknown>>(
    prototype,
    'iterator',
    (iterator) =>
      async function read() {
        const { input } = this;
        if (typeof input === 'string' && input.startsWith('file://'))
          this.input = readRegular(input.slice(7));
        return iterator.call(this);
      },
  );
}
