/** Converts messages that an ipykernel publishes to those of the session. Pure. */
import type { OutputSink } from '../contracts/runtime-host.ts';
import type { DisplayPayload } from '../contracts/values.ts';
import type { FromKernel } from '../wire/client-codec.ts';

type Said = Parameters<OutputSink['output']>[0];

/** Undefined for messages that are not shown. */
export function toRuntimeMessage(message: FromKernel, execution: number): Said | undefined {
  const { type, content } = message;
  switch (type) {
    case 'stream': {
      const name = content['name'] === 'stderr' ? 'stderr' : 'stdout';
      return { type: 'stream', execution, name, text: text(content['text']) };
    }
    case 'display_data':
    case 'update_display_data':
      return {
        type: 'display',
        execution,
        update: type === 'update_display_data',
        payload: payloadOf(content),
      };
    case 'execute_result':
      return { type: 'result', execution, payload: payloadOf(content) };
    case 'clear_output':
      return { type: 'clear', execution, wait: content['wait'] === true };
    case 'error':
      return {
        type: 'late-error',
        execution,
        error: {
          name: text(content['ename']),
          message: text(content['evalue']),
          traceback: Array.isArray(content['traceback']) ? content['traceback'].map(String) : [],
        },
      };
    case 'comm_open':
    case 'comm_msg':
    case 'comm_close':
      return {
        type: 'comm',
        action: type === 'comm_open' ? 'open' : type === 'comm_msg' ? 'message' : 'close',
        id: text(content['comm_id']),
        ...(type === 'comm_open' ? { target: text(content['target_name']) } : {}),
        data: content['data'] ?? {},
        metadata: message.metadata,
        buffers: message.buffers,
        execution,
      };
  }
  return undefined;
}

function payloadOf(content: Record<string, unknown>): DisplayPayload {
  const id = object(content['transient'])['display_id'];
  return {
    data: object(content['data']),
    metadata: object(content['metadata']),
    ...(typeof id === 'string' ? { displayId: id } : {}),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
