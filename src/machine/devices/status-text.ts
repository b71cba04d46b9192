import type { Candidate } from './selection.ts';
import type { DeviceStatus } from './status.ts';
import { describeBackendLines, describeDevice, describeMissed } from './status.ts';

/** `%device` for terminals: fits 80 columns where names do. */
export function statusText(status: DeviceStatus): string {
  const lines: string[] = [];
  const labelled = describeBackendLines(status);
  const width = Math.max(...labelled.map(([label]) => label.length));
  for (const [label, value] of labelled) lines.push(`${label.padEnd(width)}  ${value}`);
  for (const device of status.devices) {
    const row = describeDevice(device);
    const about = [row.kind];
    if (device.kind === 'GPU') {
      about.push(`driver ${row.driver}`);
      if (device.vendor === 'NVIDIA') about.push(`CUDA ${row.cuda}`, `compute capability ${row.capability}`);
    }
    lines.push('', `${row.inUse ? '*' : ' '} ${row.id}  ${row.name}`);
    const indent = ' '.repeat(4 + row.id.length);
    lines.push(`${indent}${about.join(', ')}`);
    lines.push(`${indent}memory ${row.memory}${row.ours === '–' ? '' : `; ours: ${row.ours}`}`);
    if (device.kind === 'GPU') {
      lines.push(`${indent}utilization ${row.utilization}, temperature ${row.temperature}`);
      lines.push(`${indent}power ${row.power}, clocks ${row.clocks}`);
      lines.push(`${indent}processes ${row.processes}`);
    }
  }
  for (const { text, fix } of status.warnings) {
    lines.push('', `! ${text}`, ...fix.map((step) => `    ${step}`));
  }
  return `${lines.join('\n')}\n`;
}

const MARKS: Record<Candidate['state'], string> = { chosen: '*', possible: '+', rejected: '-' };

/** `%device why`: the device selection, and the runtime process's failures. */
export function selectionText({ candidates, backend }: Pick<DeviceStatus, 'candidates' | 'backend'>): string {
  const width = Math.max(...candidates.map(({ title }) => title.length));
  const lines = ['Device selection, in this order:'];
  for (const { title, state, why, fix } of candidates) {
    lines.push(`${MARKS[state]} ${title.padEnd(width)}  ${state}: ${why}`);
    for (const step of fix) lines.push(`    ${step}`);
  }
  if (backend) {
    for (const { what, why, fix } of backend.rejected) {
      lines.push(`In the runtime process: ${describeMissed(backend, what)}: ${why}`);
      if (fix !== undefined) lines.push(`    ${fix}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
