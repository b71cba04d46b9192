import { execFile } from 'node:child_process';
import { existingHostPath, hostPath } from './machine.ts';
import type { Machine } from './machine.ts';

/** Only where NVML cannot be asked. Every field is a query of `nvidia-smi --help-query-gpu`. */
const FIELDS = [
  'index',
  'name',
  'uuid',
  'pci.bus_id',
  'driver_version',
  'memory.total',
  'memory.used',
  'memory.free',
  'utilization.gpu',
  'utilization.memory',
  'temperature.gpu',
  'power.draw',
  'power.limit',
  'clocks.gr',
  'clocks.mem',
] as const;

export type SmiField = (typeof FIELDS)[number];
/** A text as nvidia-smi printed it; null with the reason where it printed `[N/A]` and the like. */
export type SmiRow = Record<SmiField, { text: string } | { why: string }>;

const REFUSALS: Record<string, string> = {
  'N/A': 'not supported by this device or driver',
  'Not Supported': 'not supported by this device or driver',
  'Insufficient Permissions': 'no permission',
  'GPU is lost': 'the GPU is lost: it fell off the bus or its driver was restarted',
  'Unknown Error': 'unknown error of the driver',
  'GPU requires reset': 'the GPU needs a reset',
};

/** Output of `--format=csv,noheader,nounits`. Lines with another number of fields are sentences, not devices. */
export function parseNvidiaSmi(text: string): { rows: SmiRow[]; sentences: string[] } {
  const rows: SmiRow[] = [];
  const sentences: string[] = [];
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '') continue;
    const values = line.split(/,\s*/);
    if (values.length !== FIELDS.length) {
      sentences.push(line);
      continue;
    }
    rows.push(
      Object.fromEntries(
        FIELDS.map((field, index) => {
          const value = values[index] ?? '';
          const refusal = /^\[?(.*?)\]?$/.exec(value)?.[1] ?? value;
          const why =
            REFUSALS[refusal] ??
            (value.startsWith('[') ? `nvidia-smi reports ${refusal.toLowerCase()}` : undefined);
          return [field, why === undefined ? { text: value } : { why }];
        }),
      ) as SmiRow,
    );
  }
  return { rows, sentences };
}

export type SmiAnswer =
  | { ok: true; rows: SmiRow[] }
  | { ok: false; reason: 'absent' | 'hung' | 'crashed' | 'failed'; path?: string; message: string };

/** Folders of a PATH, then the one that WSL adds (not to every shell: ssh, sudo and systemd lack it). */
export function smiPaths(environment: Machine['environment']): string[] {
  const folders = (environment['PATH'] ?? '/usr/bin:/bin')
    .split(':')
    .filter((folder) => folder.startsWith('/'));
  return [...new Set([...folders, '/usr/lib/wsl/lib'])].map((folder) => `${folder}/nvidia-smi`);
}

/** Runs nvidia-smi with a time limit. */
export function askNvidiaSmi(machine: Machine, limitMs: number): Promise<SmiAnswer> {
  const path = smiPaths(machine.environment).find((path) => existingHostPath(machine, path) !== undefined);
  if (path === undefined) {
    return Promise.resolve({ ok: false, reason: 'absent', message: 'there is no nvidia-smi' });
  }
  const query = [`--query-gpu=${FIELDS.join(',')}`, '--format=csv,noheader,nounits'];
  return new Promise((resolve) => {
    let hung = false;
    const child = execFile(
      existingHostPath(machine, path) ?? hostPath(machine, path),
      query,
      { env: { ...machine.environment }, encoding: 'utf8', maxBuffer: 1_000_000 },
      (error, stdout, stderr) => {
        clearTimeout(limit);
        if (hung) return;
        if (!error) {
          const { rows, sentences } = parseNvidiaSmi(stdout);
          if (rows.length > 0) resolve({ ok: true, rows });
          else
            resolve({
              ok: false,
              reason: 'failed',
              path,
              message: sentences[0] ?? 'nvidia-smi listed no device',
            });
          return;
        }
        const said = `${stdout}\n${stderr}`.split('\n').find((line) => line.trim() !== '');
        const crashed = error.signal === 'SIGSEGV' || error.code === 139;
        resolve({
          ok: false,
          reason: crashed ? 'crashed' : 'failed',
          path,
          message: crashed ? 'nvidia-smi crashed (segmentation fault)' : (said?.trim() ?? error.message),
        });
      },
    );
    const limit = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve({
        ok: false,
        reason: 'hung',
        path,
        message: `nvidia-smi did not answer within ${Math.ceil(limitMs / 1000)} s`,
      });
    }, limitMs);
  });
}
