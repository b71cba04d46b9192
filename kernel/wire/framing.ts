/**
 * A message on the wire: identities, the delimiter, the signature, four JSON frames, then binary buffers.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol
 */
import { WireError } from './wire-error.ts';

export const DELIMITER = Buffer.from('<IDS|MSG>');

/** More than any front end sends; less than what would exhaust memory while it is parsed. */
export const LIMITS = {
  identities: 16,
  buffers: 4096,
  headerBytes: 64 * 1024,
  jsonBytes: 128 * 1024 * 1024,
  totalBytes: 512 * 1024 * 1024,
} as const;

export interface Frames {
  /** Routing identities (ROUTER sockets) or the topic (iopub). */
  identities: Buffer[];
  /** Hexadecimal text; empty when messages are not signed. */
  signature: Buffer;
  header: Buffer;
  parentHeader: Buffer;
  metadata: Buffer;
  content: Buffer;
  buffers: Buffer[];
}

/** Takes the frames apart without looking into them. Throws WireError `malformed` or `oversized`. */
export function splitFrames(frames: readonly Buffer[]): Frames {
  const at = frames.findIndex((frame) => frame.equals(DELIMITER));
  if (at < 0)
    throw new WireError('malformed', `no delimiter ${DELIMITER.toString()} in ${frames.length} frames`);
  const [signature, header, parentHeader, metadata, content, ...buffers] = frames.slice(at + 1);
  if (!signature || !header || !parentHeader || !metadata || !content) {
    throw new WireError(
      'malformed',
      `${frames.length - at - 1} frames after the delimiter, at least 5 are needed`,
    );
  }
  if (at > LIMITS.identities)
    throw new WireError('oversized', `${at} identities, at most ${LIMITS.identities}`);
  if (buffers.length > LIMITS.buffers) {
    throw new WireError('oversized', `${buffers.length} buffers, at most ${LIMITS.buffers}`);
  }
  for (const [name, frame, limit] of [
    ['header', header, LIMITS.headerBytes],
    ['parent header', parentHeader, LIMITS.headerBytes],
    ['metadata', metadata, LIMITS.jsonBytes],
    ['content', content, LIMITS.jsonBytes],
  ] as const) {
    if (frame.length > limit)
      throw new WireError('oversized', `${name} of ${frame.length} bytes, at most ${limit}`);
  }
  const total = frames.reduce((sum, frame) => sum + frame.length, 0);
  if (total > LIMITS.totalBytes) {
    throw new WireError('oversized', `message of ${total} bytes, at most ${LIMITS.totalBytes}`);
  }
  return { identities: frames.slice(0, at), signature, header, parentHeader, metadata, content, buffers };
}

export function joinFrames(parts: Frames): Buffer[] {
  return [
    ...parts.identities,
    DELIMITER,
    parts.signature,
    parts.header,
    parts.parentHeader,
    parts.metadata,
    parts.content,
    ...parts.buffers,
  ];
}
