/** Bytes to messages and back, for one kernel process. */
import { isRequestType } from './content.ts';
import { joinFrames, splitFrames } from './framing.ts';
import { EMPTY_OBJECT, headerMaker, parentId, parseHeader } from './header.ts';
import type { Header } from './header.ts';
import { encodeJson, parseObject } from './json.ts';
import type { RequestType } from './messages.ts';
import { ReplayGuard } from './signature.ts';
import type { Signer } from './signature.ts';
import { WireError } from './wire-error.ts';

/** The request that our message refers to: its sender, and the exact bytes of the header that came. */
export interface Parent {
  header: Header;
  /** The header as the client wrote it, so that fields we do not know come back too. */
  raw: Buffer;
  identities: Buffer[];
}

export interface Incoming {
  type: RequestType;
  parent: Parent;
  /** The message that this one answers (input_reply). */
  answers: string | undefined;
  metadata: Record<string, unknown>;
  /** Not checked yet: see readContent. */
  content: Record<string, unknown>;
  buffers: Buffer[];
}

export interface Outgoing {
  type: string;
  content: unknown;
  parent: Parent | undefined;
  /** Routing identities of the receiver, or the topic on iopub. */
  identities: Buffer[];
  metadata?: Record<string, unknown>;
  buffers?: readonly Uint8Array[];
}

export interface Codec {
  readonly session: string;
  /** Throws WireError; the signature is checked before anything is parsed. */
  decode(frames: readonly Buffer[]): Incoming;
  encode(message: Outgoing): Buffer[];
  /** The same with content that is JSON already: its bytes are sent as they are, and must not change. */
  encodeJson(message: Outgoing & { content: Buffer }): Buffer[];
}

type HeadParts = [header: Buffer, parentHeader: Buffer, metadata: Buffer];
type SignedParts = [...HeadParts, content: Buffer];

function frames(
  { identities, buffers = [] }: Outgoing,
  [header, parentHeader, metadata, content]: SignedParts,
  signature: Buffer,
): Buffer[] {
  return joinFrames({
    identities,
    signature,
    header,
    parentHeader,
    metadata,
    content,
    buffers: buffers.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  });
}

export function createCodec(options: { signer: Signer; session: string; username: string }): Codec {
  const { signer, session } = options;
  const makeHeader = headerMaker(session, options.username);
  const guard = new ReplayGuard();
  const headParts = ({ type, parent, metadata }: Outgoing): HeadParts => [
    makeHeader(type),
    parent?.raw ?? EMPTY_OBJECT,
    metadata ? encodeJson(metadata) : EMPTY_OBJECT,
  ];
  const encode = (message: Outgoing, content: Buffer): Buffer[] => {
    const signed: SignedParts = [...headParts(message), content];
    return frames(message, signed, signer.sign(signed));
  };
  return {
    session,
    decode(frames) {
      const parts = splitFrames(frames);
      signer.verify(parts.signature, [parts.header, parts.parentHeader, parts.metadata, parts.content]);
      if (signer.signs) guard.admit(parts.signature);
      const header = parseHeader(parts.header);
      if (!isRequestType(header.msg_type)) {
        throw new WireError(
          'unknown-type',
          `unknown message type ${JSON.stringify(header.msg_type.slice(0, 80))}`,
        );
      }
      return {
        type: header.msg_type,
        parent: { header, raw: parts.header, identities: parts.identities },
        answers: parentId(parts.parentHeader),
        metadata: parseObject(parts.metadata, 'metadata'),
        content: parseObject(parts.content, 'content'),
        buffers: parts.buffers,
      };
    },
    encode: (message) => encode(message, encodeJson(message.content)),
    encodeJson: (message) => encode(message, message.content),
  };
}
