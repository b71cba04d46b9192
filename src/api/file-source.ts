import { readRegular } from '../base/files/index.ts';
import type { Tf } from '../tfjs/instance.ts';
import { replaceMethod } from '../tfjs/replace-method.ts';

/** `tf.data.csv('file://…')` and other sources read regular files only: devices and pipes may never end. */
export function installFileSource(tf: Tf): void {
  const { prototype } = tf.data.FileDataSource;
  replaceMethod(
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
