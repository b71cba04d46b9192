/** The other end of the protocol: messages as a client of some kernel sends and reads them. */
import { randomUUID } from 'node:crypto';
import { joinFrames, splitFrames } from './framing.ts';
import { EMPTY_OBJECT, PROTOCOL_VERSION, parseHeader } from './header.ts';
import { encodeJson, parseObject } from './json.ts';
import type { Signer } from './signature.ts';

/** A message from a kernel. Of the parent only the id is of interest: which of our requests it belongs to. */
export interface FromKernel {
  type: string;
  id: string;
  /** Empty when the message belongs to no request. */
  parent: string;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
  buffers: Buffer[];
}

export interface ToKernel {
  type: string;
  /** The message's own id; a fresh one is made when it is left out. */
  id?: string;
  content: unknown;
  metadata?: Record<string, unknown>;
  buffers?: readonly Uint8Array[];
}

export interface ClientCodec {
  /** Throws WireError; the signature is checked before anything is parsed. */
  decode(frames: readonly Buffer[]): FromKernel;
  encode(message: ToKernel): { id: string; frames: Buffer[] };
}

export function createClientCodec(options: { signer: Signer; username: string }): ClientCodec {
  const { signer, username } = options;
  const session = randomUUID();
  let count = 0;
  return {
    decode(frames) {
      const parts = splitFrames(frames);
      signer.verify(parts.signature, [parts.header, parts.parentHeader, parts.metadata, parts.content]);
      const header = parseHeader(parts.header);
      const parent = parseObject(parts.parentHeader, 'parent header')['msg_id'];
      return {
        type: header.msg_type,
        id: header.msg_id,
        parent: typeof parent === 'string' ? parent : '',
        metadata: parseObject(parts.metadata, 'metadata'),
        content: parseObject(parts.content, 'content'),
        buffers: parts.buffers,
      };
    },
    encode({ type, id = `${session}_${++count}`, content, metadata, buffers = [] }) {
      const header = encodeJson({
        msg_id: id,
        msg_type: type,
        session,
        username,
        version: PROTOCOL_VERSION,
        date: new Date().toISOString(),
      });
      const parentHeader = EMPTY_OBJECT;
      const meta = metadata ? encodeJson(metadata) : EMPTY_OBJECT;
      const body = encodeJson(content);
      const frames = joinFrames({
        identities: [],
        signature: signer.sign([header, parentHeader, meta, body]),
        header,
        parentHeader,
        metadata: meta,
        content: body,
        buffers: buffers.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      });
      return { id, frames };
    },
  };
}
