/** Which part of the session answers which type of request. */
import type { Ports } from '../transport/connection-file.ts';
import type { RequestChannel } from '../transport/transport.ts';
import type { Incoming } from '../wire/codec.ts';
import { readContent } from '../wire/content.ts';
import type {
  CommInfoReply,
  ConnectReply,
  DebugReply,
  HistoryReply,
  IsCompleteReply,
  RequestType,
} from '../wire/messages.ts';
import { WireError } from '../wire/wire-error.ts';
import { askedFor } from './cell-runner.ts';
import type { SessionOptions } from './options.ts';
import type { SessionParts } from './parts.ts';
import type { Subshells } from './subshells.ts';

/** Resolves to the content of the reply, or to undefined for messages that have none. */
export type Handler = (message: Incoming) => Promise<object | undefined> | object | undefined;

type Handlers = Partial<Record<RequestType, Handler>>;

/** Handlers need these of the session, in addition to its parts. */
export interface HandlerOptions {
  options: SessionOptions;
  parts: SessionParts;
  subshells: Subshells;
  interrupt: () => Promise<void>;
}

/** Longest delay of the answer by something that cannot be interrupted, such as a native operation. */
const INTERRUPT_MS = 500;
/** The handlers of each socket; `execute_request` on shell is not among them. */
export function createHandlers(options: HandlerOptions): Record<RequestChannel, Handlers> {
  const info: Handler = () => options.options.info;
  const stopping = createStopping(options);
  return {
    // Front ends older than protocol 5.4 send `shutdown_request` and `interrupt_request` on shell.
    shell: { kernel_info_request: info, ...createShell(options), ...stopping },
    control: { kernel_info_request: info, ...stopping, ...createControl(options) },
    stdin: {},
  };
}

function createShell({ options, parts }: HandlerOptions): Handlers {
  const comm: Handler = (message) => {
    const { parent } = message;
    const { count } = parts.executions.find(0) ?? { count: 0 };
    const execution = parts.executions.begin({ parent, count, silent: false, allowStdin: false });
    execution.running = false;
    parts.comms.receive(message, execution.id);
    return undefined;
  };
  return {
    connect_request: () => connectReply(options.transport.ports),
    complete_request: ({ content }) => parts.assistance.complete(readContent('complete_request', content)),
    inspect_request: ({ content }) => parts.assistance.inspect(readContent('inspect_request', content)),
    is_complete_request: async ({ content }): Promise<IsCompleteReply> => {
      const { code } = readContent('is_complete_request', content);
      // `name?` asks for help; `name ?` begins a condition.
      if (askedFor(code) && !/\s\?/.test(code.trim())) return { status: 'complete' };
      return (await parts.assistance.isComplete(code)) ?? (await (await options.compiler()).isComplete(code));
    },
    history_request: async ({ content }): Promise<HistoryReply> => ({
      status: 'ok',
      history: await parts.history.find(readContent('history_request', content)),
    }),
    comm_info_request: ({ content }): CommInfoReply => ({
      status: 'ok',
      comms: parts.comms.list(readContent('comm_info_request', content).target_name),
    }),
    comm_open: comm,
    comm_msg: comm,
    comm_close: comm,
  };
}

/** Requests that stop cells, or the kernel. */
function createStopping({ options, parts, interrupt }: HandlerOptions): Handlers {
  return {
    interrupt_request: async () => {
      // Answered when it has taken effect, so that it cannot hit a cell that the front end runs after the answer.
      await Promise.race([interrupt(), new Promise((resolve) => setTimeout(resolve, INTERRUPT_MS).unref())]);
      return { status: 'ok' };
    },
    shutdown_request: ({ content, parent }) => {
      const reply = { status: 'ok', restart: readContent('shutdown_request', content).restart } as const;
      parts.iopub.publish('shutdown_reply', reply, parent);
      setImmediate(() => options.exit());
      return reply;
    },
  };
}

function createControl({ subshells }: HandlerOptions): Handlers {
  return {
    debug_request: ({ content }): DebugReply => {
      const { seq, command } = readContent('debug_request', content);
      const message = 'this kernel has no debugger yet';
      return { type: 'response', request_seq: seq, success: false, command, message };
    },
    create_subshell_request: () => ({ status: 'ok', subshell_id: subshells.create() }),
    delete_subshell_request: ({ content }) => {
      const { subshell_id: id } = readContent('delete_subshell_request', content);
      if (subshells.delete(id)) return { status: 'ok' };
      throw new WireError('invalid-content', `unknown subshell_id ${JSON.stringify(id)}`);
    },
    list_subshell_request: () => ({ status: 'ok', subshell_id: subshells.list() }),
  };
}

function connectReply(ports: Ports): ConnectReply {
  return {
    status: 'ok',
    shell_port: ports.shell,
    iopub_port: ports.iopub,
    stdin_port: ports.stdin,
    control_port: ports.control,
    hb_port: ports.hb,
  };
}
