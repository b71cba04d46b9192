/** The private way to one ipykernel: a folder that only this user can enter, with its sockets and connection file. */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeWhole } from '../../src/base/files/index.ts';
import type { Connection } from '../transport/connection-file.ts';

/** A socket's path may have 107 bytes; libzmq and the port's number come on top of the folder. */
const LONGEST_FOLDER = 70;

export interface PrivateConnection {
  connection: Connection;
  file: string;
  /** Removes the folder. */
  remove: () => void;
}

const PREFIX = 'tensorcell-python-';

/** Whether a process of this number runs, also one of another user. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Removes our folders whose kernel process is gone: one that was killed could not do it itself. */
export function removeOrphans(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = Number(/^tensorcell-python-(\d+)-\w+$/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || runs(pid)) continue;
    const folder = join(base, name);
    try {
      const found = lstatSync(folder);
      if (found.isDirectory() && found.uid === process.getuid?.())
        rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another kernel removed it meanwhile.
    }
  }
}

/** Sockets of the file system need no port that another process could take in the meantime, or connect to. */
export function createPrivateConnection(): PrivateConnection {
  const base = Buffer.byteLength(tmpdir()) > LONGEST_FOLDER ? '/tmp' : tmpdir();
  // Only its owner may enter a folder that mkdtemp makes.
  removeOrphans(base);
  const folder = mkdtempSync(join(base, `${PREFIX}${process.pid}-`));
  const ports = { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 };
  const ip = join(folder, 'k');
  const key = randomBytes(24).toString('hex');
  const fields = {
    transport: 'ipc',
    ip,
    key,
    signature_scheme: 'hmac-sha256',
    shell_port: ports.shell,
    control_port: ports.control,
    stdin_port: ports.stdin,
    iopub_port: ports.iopub,
    hb_port: ports.hb,
    kernel_name: 'tensorcell-python',
  };
  const file = join(folder, 'connection.json');
  try {
    writeWhole(file, JSON.stringify(fields), { mode: 0o600, durable: false });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    connection: {
      kind: 'connection',
      transport: 'ipc',
      ip,
      key,
      signatureScheme: 'hmac-sha256',
      curve: undefined,
      ports,
      fields,
    },
    file,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
