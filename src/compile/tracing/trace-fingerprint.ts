import { createHash } from 'node:crypto';
import { TF } from '../../engines/dtypes.ts';
import type { Trace } from './trace.ts';

/** A text that is the same for two traces that compute the same; of a trace that was made to be compared. */
export function fingerprintOf({ backend, inputs, graphs, guards }: Trace): string {
  const { engine } = backend;
  const given = inputs.map(({ input }): string => {
    switch (input.kind) {
      case 'argument':
        return `argument ${input.index}`;
      case 'resource':
        return `variable ${input.variable.deref()?.id ?? ''}`;
      case 'tensor':
        return `tensor ${input.current().id}`;
      case 'number':
        return `number ${input.current()}`;
      default: {
        if (input.dtype === TF.RESOURCE) return 'resource';
        const values = engine.read(input.handle);
        const bytes = ArrayBuffer.isView(values) ? values : Buffer.concat(values);
        return `constant ${createHash('sha1').update(bytes).digest('hex')}`;
      }
    }
  });
  const notes = graphs.map((graph) => graph.notes?.join('\n'));
  return [...given, ...notes, ...guards.map(({ expected }) => expected)].join('\n');
}
