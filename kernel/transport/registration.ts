/**
 * The startup handshake: the kernel chooses its ports and tells them to the process that started it.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-startup-handshake
 */
import { DELIMITER } from '../wire/framing.ts';
import type { Signer } from '../wire/signature.ts';
import type { Ports, Registration } from './connection-file.ts';
import { zmq } from './zeromq.ts';

/** The registration was not acknowledged: the kernel has to end, since no client can reach it. */
class RegistrationError extends Error {
  readonly code = 'registration';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistrationError';
  }
}

/** Resolves when the registration service has acknowledged. Throws RegistrationError after `timeoutMs` of silence. */
export async function register(
  registration: Registration,
  ports: Ports,
  signer: Signer,
  timeoutMs = 30_000,
): Promise<void> {
  const { transport, ip, port, curve } = registration;
  const endpoint =
    transport === 'ipc' ? `ipc://${ip}-${port}` : `tcp://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
  const socket = new zmq.Dealer({
    linger: 1000,
    receiveTimeout: timeoutMs,
    // Both ends use the one pair of keys that the registration file holds.
    ...(curve
      ? { curveServerKey: curve.publicKey, curvePublicKey: curve.publicKey, curveSecretKey: curve.secretKey }
      : {}),
  });
  try {
    socket.connect(endpoint);
    const content = Buffer.from(
      JSON.stringify({
        kernel_id: registration.kernelId,
        shell_port: String(ports.shell),
        control_port: String(ports.control),
        stdin_port: String(ports.stdin),
        iopub_port: String(ports.iopub),
        hb_port: String(ports.hb),
      }),
    );
    await socket.send([DELIMITER, signer.sign([content]), content]);
    for (;;) {
      const frames = (await socket.receive()) as Buffer[];
      const at = frames.findIndex((frame) => frame.equals(DELIMITER));
      const [signature, acknowledgement] = frames.slice(at + 1);
      if (at < 0 || !signature || !acknowledgement) continue;
      try {
        signer.verify(signature, [acknowledgement]);
        return;
      } catch {
        // From another process; the right one may still come.
      }
    }
  } catch (cause) {
    throw new RegistrationError(
      `no acknowledgement from the registration service at ${endpoint}: ${String(cause)}`,
      {
        cause,
      },
    );
  } finally {
    socket.close();
  }
}
