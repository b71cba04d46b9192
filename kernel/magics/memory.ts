import type { BackendDescription, MemoryDescription } from '../../src/machine/devices/backend-description.ts';
import { currentMachine } from '../../src/machine/devices/index.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import { memoryGrowth, memoryHtml, memoryText } from '../../src/machine/devices/memory-report.ts';
import { takeStatus } from '../../src/machine/devices/status.ts';
import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

const ANSWER_LIMIT_MS = 2000;

/**
 * `%memory`: tensors by size, shape, age and the cell that made them. `%memory mark` remembers what there is; later
 * `%memory` says what has grown since, by cell: a leak is a cell whose share grows.
 */
export function memory(machine: () => Machine = currentMachine): Magic {
  let mark: { memory: MemoryDescription; execution: number } | undefined;
  return {
    name: 'memory',
    kinds: ['line'],
    summary: 'show what holds memory: tensors by size and cell, and growth since a mark',
    usage: '%memory [mark | json]',
    complete: () => ['mark', 'json'],
    async run({ line, output, session, execution }) {
      const form = line.trim();
      if (!['', 'mark', 'json'].includes(form)) {
        throw new MagicError('usage', `%memory ${form}: write %memory, %memory mark or %memory json`);
      }
      const [said, backend] = (await Promise.all([
        session.ask('memory', undefined, ANSWER_LIMIT_MS),
        session.ask('device', undefined, ANSWER_LIMIT_MS),
      ]).catch((error: unknown) => {
        throw new MagicError('unavailable', 'the runtime process could not report what holds memory', {
          cause: error,
        });
      })) as [MemoryDescription | undefined, BackendDescription | undefined];
      if (said === undefined || said === null) {
        throw new MagicError('unavailable', 'the runtime process is busy: ask again when its cell has ended');
      }
      if (form === 'json') {
        await output.stdout(`${JSON.stringify(said, null, 2)}\n`);
        return;
      }
      const seen = { ...machine(), environment: session.environment };
      const { devices } = await takeStatus(seen, backend ?? undefined);
      const status = {
        memory: said,
        device: devices.find(({ memoryTensorsBytes }) => memoryTensorsBytes !== null),
        growth: mark ? memoryGrowth(mark.memory, said) : undefined,
        since: mark ? `the mark in cell ${mark.execution}` : undefined,
      };
      if (form === 'mark') mark = { memory: said, execution };
      await output.display({
        data: { 'text/plain': memoryText(status).trimEnd(), 'text/html': memoryHtml(status) },
        metadata: {},
      });
    },
  };
}
