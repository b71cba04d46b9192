/** Replies and requests to one front end. */
import type { RequestChannel, Transport } from '../transport/transport.ts';
import type { Codec, Parent } from '../wire/codec.ts';

export interface Outbox {
  /** Answers on the channel that the request came by. */
  reply(channel: RequestChannel, type: string, content: object, parent: Parent): void;
}

export function createOutbox(codec: Codec, transport: Pick<Transport, 'send'>): Outbox {
  return {
    reply(channel, type, content, parent) {
      transport.send(channel, codec.encode({ type, content, parent, identities: parent.identities }));
    },
  };
}
