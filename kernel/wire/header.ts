/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#message-header */
import { encodeJson, parseObject, shownJson } from './json.ts';
import { WireError } from './wire-error.ts';

/** The version of the specification that the kernel speaks. */
export const PROTOCOL_VERSION = '5.5';

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  /** ISO 8601. */
  date: string;
  version: string;
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-subshells */
  subshell_id?: string | null;
}

/** Reads a request's header. Old or careless clients leave fields out: only the id and the type are needed. */
export function parseHeader(frame: Buffer): Header {
  const value = parseObject(frame, 'header');
  const text = (name: string, fallback?: string): string => {
    const field = value[name];
    if (typeof field === 'string') return field;
    if (fallback !== undefined && (field === undefined || field === null)) return fallback;
    throw new WireError('malformed', `header.${name} must be a string, not ${shownJson(field)}`);
  };
  const subshell = value['subshell_id'];
  if (subshell !== undefined && subshell !== null && typeof subshell !== 'string') {
    throw new WireError('malformed', `header.subshell_id must be a string or null, not ${typeof subshell}`);
  }
  return {
    ...value,
    msg_id: text('msg_id'),
    msg_type: text('msg_type'),
    session: text('session', ''),
    username: text('username', ''),
    date: text('date', ''),
    version: text('version', '5.0'),
    ...(subshell === undefined ? {} : { subshell_id: subshell }),
  };
}

/** The id of the message that a reply answers, if it says one. */
export function parentId(frame: Buffer): string | undefined {
  if (frame.length <= 2) return undefined;
  const id = parseObject(frame, 'parent header')['msg_id'];
  return typeof id === 'string' ? id : undefined;
}

/** Makes the headers of one kernel process; ids count up behind the session's id, which is unique. */
export function headerMaker(session: string, username: string): (type: string) => Buffer {
  let count = 0;
  const fixed = `"session":${JSON.stringify(session)},"username":${JSON.stringify(username)},"version":"${PROTOCOL_VERSION}"`;
  return (type) =>
    Buffer.from(
      `{"msg_id":"${session}_${++count}","msg_type":"${type}",${fixed},"date":"${new Date().toISOString()}"}`,
    );
}

export const EMPTY_OBJECT = encodeJson({});
