import type { Readable } from './zeromq.ts';

/**
 * Hands a socket's messages to a listener, in order: the next one is read when what the listener returned has resolved.
 * A listener that throws is reported and costs one message only.
 *
 * @param closed whether we closed the socket: then its end is no news.
 */
export async function readMessages(
  socket: Readable,
  listener: (frames: Buffer[]) => void | Promise<void>,
  { closed, log }: { closed: () => boolean; log: (message: string) => void },
): Promise<void> {
  for (;;) {
    let frames: Buffer[];
    try {
      frames = await socket.receive();
    } catch (error) {
      if (!closed()) log(`cannot receive: ${String(error)}`);
      return;
    }
    try {
      await listener(frames);
    } catch (error) {
      log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
}
