/** The private way to one ipykernel: a folder that only this user can enter, with its sockets and connection file. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../transport/connection-file.ts';

/** A socket's path may have 107 bytes; libzmq and the port's number come on top of the folder. */
const LONGEST_FOLDER = 80;

export interface PrivateConnection {
  connection: Connection;
  file: string;
  /** Removes the folder. */
  remove: () => void;
}

/** Sockets of the file system need no port that somebody else could take in the meantime, or listen at. */
export function createPrivateConnection(): PrivateConnection {
  const base = Buffer.byteLength(tmpdir()) > LONGEST_FOLDER ? '/tmp' : tmpdir();
  // Only its owner may enter a folder that mkdtemp makes.
  const folder = mkdtempSync(join(base, 'tensorcell-python-'));
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
  writeFileSync(file, JSON.stringify(fields), { mode: 0o600 });
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
