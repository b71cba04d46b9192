/**
 * The file that tells a kernel where to listen, or (since protocol 5.6) where to say that it does.
 * https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files
 */

export interface Curve {
  /** Z85 text of 40 characters each; the client made both. */
  publicKey: string;
  secretKey: string;
}

export interface Ports {
  shell: number;
  control: number;
  stdin: number;
  iopub: number;
  hb: number;
}

interface Common {
  transport: 'tcp' | 'ipc';
  ip: string;
  key: string;
  signatureScheme: string;
  curve: Curve | undefined;
}

export interface Connection extends Common {
  kind: 'connection';
  /** 0: the kernel chooses, and writes its choice back into the file. */
  ports: Ports;
  /** All that the file says, so that writing it back loses nothing. */
  fields: Record<string, unknown>;
}

export interface Registration extends Common {
  kind: 'registration';
  port: number;
  kernelId: string;
}

/** A connection file that cannot be used. */
class ConnectionFileError extends Error {
  readonly code = 'connection-file';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectionFileError';
  }
}

/** Throws ConnectionFileError that names the field. */
export function parseConnectionFile(text: string): Connection | Registration {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new ConnectionFileError(`the connection file is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof fields !== 'object' || fields === null) {
    throw new ConnectionFileError('the connection file must contain a JSON object');
  }
  const string = (name: string, fallback?: string): string => {
    const value = fields[name] ?? fallback;
    if (typeof value === 'string') return value;
    throw new ConnectionFileError(`connection file: ${name} must be a string, not ${JSON.stringify(value)}`);
  };
  const port = (name: string): number => {
    const value = Number(fields[name]);
    if (fields[name] !== undefined && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
    throw new ConnectionFileError(
      `connection file: ${name} must be a port from 0 to 65535, not ${JSON.stringify(fields[name])}`,
    );
  };
  const transport = string('transport', 'tcp');
  if (transport !== 'tcp' && transport !== 'ipc') {
    throw new ConnectionFileError(
      `connection file: unknown transport ${JSON.stringify(transport)}, use tcp or ipc`,
    );
  }
  const common = {
    transport,
    key: string('key', ''),
    signatureScheme: string('signature_scheme', 'hmac-sha256'),
    curve: readCurve(fields),
  } as const;
  if (fields['registration_port'] !== undefined) {
    return {
      kind: 'registration',
      ...common,
      ip: string('registration_ip', typeof fields['ip'] === 'string' ? fields['ip'] : '127.0.0.1'),
      port: port('registration_port'),
      kernelId: string('kernel_id', ''),
    };
  }
  return {
    kind: 'connection',
    ...common,
    ip: string('ip', '127.0.0.1'),
    ports: {
      shell: port('shell_port'),
      control: port('control_port'),
      stdin: port('stdin_port'),
      iopub: port('iopub_port'),
      hb: port('hb_port'),
    },
    fields,
  };
}

function readCurve(fields: Record<string, unknown>): Curve | undefined {
  const { curve_publickey: publicKey, curve_secretkey: secretKey } = fields;
  if (publicKey === undefined && secretKey === undefined) return undefined;
  if (
    typeof publicKey !== 'string' ||
    typeof secretKey !== 'string' ||
    publicKey.length !== 40 ||
    secretKey.length !== 40
  ) {
    throw new ConnectionFileError(
      'connection file: curve_publickey and curve_secretkey must be Z85 strings of 40 characters, both or none',
    );
  }
  return { publicKey, secretKey };
}

/** The file that other clients can connect with, once the ports are known. */
export function formatConnectionFile(connection: Connection | Registration, ports: Ports): string {
  const named = {
    shell_port: ports.shell,
    control_port: ports.control,
    stdin_port: ports.stdin,
    iopub_port: ports.iopub,
    hb_port: ports.hb,
  };
  if (connection.kind === 'connection')
    return JSON.stringify({ ...connection.fields, ...named }, undefined, 2);
  const { curve } = connection;
  return JSON.stringify(
    {
      transport: connection.transport,
      ip: connection.ip,
      ...named,
      key: connection.key,
      signature_scheme: connection.signatureScheme,
      ...(curve ? { curve_publickey: curve.publicKey, curve_secretkey: curve.secretKey } : {}),
      kernel_name: 'tensorcell',
    },
    undefined,
    2,
  );
}
