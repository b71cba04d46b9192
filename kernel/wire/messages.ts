/**
 * The content of every message, as the specification names its fields.
 * Requests come from a client, replies and the rest go to it.
 */

type Json = Record<string, unknown>;
/** A message that is all in its header. */
type NoContent = Readonly<Record<string, never>>;
/** MIME type -> value. */
type Bundle = Record<string, unknown>;

// ------------------------------------------------------------------------------------------------ shell

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute */
export interface ExecuteRequest {
  code: string;
  silent: boolean;
  store_history: boolean;
  user_expressions: Record<string, string>;
  allow_stdin: boolean;
  stop_on_error: boolean;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#request-reply */
export interface ErrorReply {
  status: 'error';
  ename: string;
  evalue: string;
  traceback: string[];
}

export interface AbortedReply {
  status: 'aborted';
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-results */
export type ExecuteReply =
  | {
      status: 'ok';
      execution_count: number;
      payload: Json[];
      user_expressions: Record<string, Json>;
    }
  | (ErrorReply & { execution_count: number; payload: Json[]; user_expressions: Json })
  | AbortedReply;

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#introspection */
export interface InspectRequest {
  code: string;
  /** In Unicode code points. */
  cursor_pos: number;
  detail_level: 0 | 1;
}

export interface InspectReply {
  status: 'ok';
  found: boolean;
  data: Bundle;
  metadata: Json;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#completion */
export interface CompleteRequest {
  code: string;
  /** In Unicode code points. */
  cursor_pos: number;
}

export interface CompleteReply {
  status: 'ok';
  matches: string[];
  cursor_start: number;
  cursor_end: number;
  metadata: Json;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#history */
export interface HistoryRequest {
  output: boolean;
  raw: boolean;
  hist_access_type: 'range' | 'tail' | 'search';
  /** 0 is this session, negative ones count back from it, positive ones are absolute. */
  session: number;
  start: number;
  stop: number | undefined;
  n: number | undefined;
  pattern: string;
  unique: boolean;
}

/** Session, line, and the source or a pair of source and output. */
export type HistoryRow = [number, number, string | [string, string | null]];

export interface HistoryReply {
  status: 'ok';
  history: HistoryRow[];
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-completeness */
export interface IsCompleteRequest {
  code: string;
}

export interface IsCompleteReply {
  status: 'complete' | 'incomplete' | 'invalid' | 'unknown';
  indent?: string;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-info */
export interface CommInfoRequest {
  target_name: string | undefined;
}

export interface CommInfoReply {
  status: 'ok';
  comms: Record<string, { target_name: string }>;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#connect (deprecated, still requested) */
export interface ConnectReply {
  status: 'ok';
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info */
export interface KernelInfoReply {
  status: 'ok';
  protocol_version: string;
  implementation: string;
  implementation_version: string;
  language_info: {
    name: string;
    version: string;
    mimetype: string;
    file_extension: string;
    pygments_lexer: string;
    codemirror_mode: string | Json;
    nbconvert_exporter: string;
  };
  banner: string;
  debugger: boolean;
  help_links: { text: string; url: string }[];
  supported_features: string[];
}

// ------------------------------------------------------------------------------------------------ control

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-shutdown */
export interface ShutdownRequest {
  restart: boolean;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request */
export interface DebugRequest {
  type: string;
  seq: number;
  command: string;
}

export interface DebugReply {
  type: 'response';
  request_seq: number;
  success: false;
  command: string;
  message: string;
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#delete-subshell */
export interface DeleteSubshellRequest {
  subshell_id: string;
}

// ------------------------------------------------------------------------------------------------ stdin

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel */
export interface InputRequest {
  prompt: string;
  password: boolean;
}

export interface InputReply {
  value: string;
}

// ------------------------------------------------------------------------------------------------ comms

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages */
export interface CommOpen {
  comm_id: string;
  target_name: string;
  data: unknown;
}

export interface CommMsg {
  comm_id: string;
  data: unknown;
}

// ------------------------------------------------------------------------------------------------ iopub

export interface IopubContents {
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#welcome-message */
  iopub_welcome: { subscription: string };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#streams-stdout-stderr-etc */
  stream: { name: 'stdout' | 'stderr'; text: string };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data */
  display_data: { data: Bundle; metadata: Json; transient: { display_id?: string } };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#update-display-data */
  update_display_data: { data: Bundle; metadata: Json; transient: { display_id?: string } };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-inputs */
  execute_input: { code: string; execution_count: number };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#id6 */
  execute_result: {
    execution_count: number;
    data: Bundle;
    metadata: Json;
    transient?: { display_id?: string };
  };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-errors */
  error: { ename: string; evalue: string; traceback: string[] };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-status */
  status: { execution_state: 'busy' | 'idle' | 'starting' };
  /** https://jupyter-client.readthedocs.io/en/stable/messaging.html#clear-output */
  clear_output: { wait: boolean };
  shutdown_reply: { status: 'ok'; restart: boolean };
  comm_open: CommOpen;
  comm_msg: CommMsg;
  comm_close: CommMsg;
}

/** Requests that may arrive, by type. Anything else is logged and dropped. */
export interface Requests {
  execute_request: ExecuteRequest;
  inspect_request: InspectRequest;
  complete_request: CompleteRequest;
  history_request: HistoryRequest;
  is_complete_request: IsCompleteRequest;
  comm_info_request: CommInfoRequest;
  connect_request: NoContent;
  kernel_info_request: NoContent;
  comm_open: CommOpen;
  comm_msg: CommMsg;
  comm_close: CommMsg;
  shutdown_request: ShutdownRequest;
  interrupt_request: NoContent;
  debug_request: DebugRequest;
  create_subshell_request: NoContent;
  delete_subshell_request: DeleteSubshellRequest;
  list_subshell_request: NoContent;
  input_reply: InputReply;
}

export type RequestType = keyof Requests;
