import { writeAll } from '../kernel/channel/frame-writer.ts';
import { koffi } from '../src/base/koffi.ts';

/** The runtime process writes this to its standard output and error when a cell has ended. */
function nativeMarker(execution: number): string {
  return `\u0000\u0001tensorcell:${execution}\u0001\u0000`;
}

/** Addons of the kernel's own that never print: loading them is no reason to load koffi. */
const SILENT = /[/\\](?:@oxc-|oxc-|@swc[/\\])/u;

/**
 * Text that native code prints with `printf` stays in the C library's buffers until they are flushed. Once an addon was
 * loaded, each cell ends with `fflush(NULL)`.
 *
 * @param critical runs an action that must not be terminated: initialising an addon
 */
export function createNativeFlush(critical: <T>(action: () => T) => T): (execution: number) => void {
  let addons = false;
  const dlopen = process.dlopen.bind(process);
  Object.defineProperty(process, 'dlopen', {
    configurable: true,
    writable: true,
    value: (module: object, path: string, ...flags: [flags?: number]): void => {
      if (!SILENT.test(path)) addons = true;
      critical(() => dlopen(module, path, ...flags));
    },
  });

  let flush: (() => unknown) | undefined;
  return (execution) => {
    if (addons) {
      try {
        flush ??= loadFlush();
        flush();
      } catch {
        addons = false;
      }
    }
    const marker = Buffer.from(nativeMarker(execution), 'latin1');
    for (const fd of [1, 2]) {
      try {
        writeAll(fd, marker);
      } catch {
        // The cell closed the descriptor; the kernel process does not wait for a pipe that has ended.
      }
    }
  };
}

function loadFlush(): () => unknown {
  const fflush = koffi().load(null).func('int fflush(void *stream)') as (stream: null) => number;
  return () => fflush(null);
}
