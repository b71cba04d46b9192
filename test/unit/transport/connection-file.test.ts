import { formatConnectionFile, parseConnectionFile } from '../../../kernel/transport/connection-file.ts';

const file = {
  shell_port: 1,
  control_port: 2,
  stdin_port: 3,
  iopub_port: 4,
  hb_port: 5,
  ip: '127.0.0.1',
  key: 'k',
  transport: 'tcp',
  signature_scheme: 'hmac-sha256',
  kernel_name: 'x',
};

test('the classic file', () => {
  expect(parseConnectionFile(JSON.stringify(file))).toEqual({
    kind: 'connection',
    transport: 'tcp',
    ip: '127.0.0.1',
    key: 'k',
    signatureScheme: 'hmac-sha256',
    curve: undefined,
    ports: { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 },
    fields: file,
  });
});

test('a registration file, with keys for CurveZMQ', () => {
  const curve = { curve_publickey: 'p'.repeat(40), curve_secretkey: 's'.repeat(40) };
  const registration = {
    kernel_id: 'abc',
    transport: 'tcp',
    registration_ip: '127.0.0.2',
    registration_port: 51587,
    signature_scheme: 'hmac-sha512',
    key: 'k',
    ...curve,
  };
  const parsed = parseConnectionFile(JSON.stringify(registration));
  expect(parsed).toEqual({
    kind: 'registration',
    transport: 'tcp',
    ip: '127.0.0.2',
    port: 51587,
    kernelId: 'abc',
    key: 'k',
    signatureScheme: 'hmac-sha512',
    curve: { publicKey: 'p'.repeat(40), secretKey: 's'.repeat(40) },
  });
  expect(
    JSON.parse(formatConnectionFile(parsed, { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 })),
  ).toEqual({
    transport: 'tcp',
    ip: '127.0.0.2',
    shell_port: 1,
    control_port: 2,
    stdin_port: 3,
    iopub_port: 4,
    hb_port: 5,
    key: 'k',
    signature_scheme: 'hmac-sha512',
    kernel_name: 'tensorcell',
    ...curve,
  });
});

test('ports that the kernel chose are written over the zeros, and nothing else is lost', () => {
  const parsed = parseConnectionFile(JSON.stringify({ ...file, hb_port: 0, jupyter_session: 'n.ipynb' }));
  expect(
    JSON.parse(formatConnectionFile(parsed, { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 99 })),
  ).toEqual({
    ...file,
    hb_port: 99,
    jupyter_session: 'n.ipynb',
  });
});

test.each([
  ['{', /not JSON/],
  ['null', /must contain a JSON object/],
  [JSON.stringify({ ...file, transport: 'udp' }), /unknown transport "udp", use tcp or ipc/],
  [JSON.stringify({ ...file, shell_port: 70000 }), /shell_port must be a port from 0 to 65535, not 70000/],
  [
    JSON.stringify({ ...file, iopub_port: undefined }),
    /iopub_port must be a port from 0 to 65535, not undefined/,
  ],
  [JSON.stringify({ ...file, key: 5 }), /key must be a string, not 5/],
  [JSON.stringify({ ...file, curve_publickey: 'short' }), /curve_publickey and curve_secretkey/],
])('%s is refused in words', (text, message) => {
  expect(() => parseConnectionFile(text)).toThrow(message);
});
