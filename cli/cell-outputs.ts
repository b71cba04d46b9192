/** Messages of a kernel as the outputs of a notebook file. */
import type { KernelMessage } from '@jupyterlab/services';
import type { NotebookCell } from './notebook.ts';

/** The outputs of one cell, as the kernel's messages build them up. */
export class CellOutputs {
  readonly #cell: NotebookCell;
  readonly #print: (text: string) => void;
  #clearNext = false;

  /** @param print is given what a terminal would show */
  constructor(cell: NotebookCell, print: (text: string) => void) {
    this.#cell = cell;
    this.#print = print;
    cell.outputs = [];
  }

  add(message: KernelMessage.IIOPubMessage): void {
    if (message.header.msg_type === 'clear_output') {
      this.#clearNext = (message as KernelMessage.IClearOutputMsg).content.wait;
      if (!this.#clearNext) this.#cell.outputs = [];
      return;
    }
    const output = outputOf(message);
    if (!output) return;
    if (this.#clearNext) this.#cell.outputs = [];
    this.#clearNext = false;
    addOutput(this.#cell, output, this.#print);
  }
}

/** A message as the notebook file has it; undefined for those that leave nothing in it. */
function outputOf(message: KernelMessage.IIOPubMessage): Record<string, unknown> | undefined {
  const { content } = message as { content: Record<string, unknown> };
  switch (message.header.msg_type) {
    case 'stream':
      return { output_type: 'stream', name: content['name'], text: content['text'] };
    case 'execute_result':
    case 'display_data':
    case 'update_display_data': {
      const { data, metadata, execution_count } = content;
      const transient = content['transient'] as { display_id?: string } | undefined;
      const type = message.header.msg_type;
      return {
        output_type: type,
        data,
        metadata,
        ...(type === 'execute_result' ? { execution_count } : {}),
        ...(transient?.display_id ? { display_id: transient.display_id } : {}),
      };
    }
    case 'error': {
      const { ename, evalue, traceback } = content;
      return { output_type: 'error', ename, evalue, traceback };
    }
    default:
      return undefined;
  }
}

function addOutput(cell: NotebookCell, output: Record<string, unknown>, print: (text: string) => void): void {
  const outputs = (cell.outputs ??= []);
  const last = outputs.at(-1);
  if (output['output_type'] === 'stream') {
    print(String(output['text']));
    if (last?.['output_type'] === 'stream' && last['name'] === output['name']) {
      last['text'] = `${String(last['text'])}${String(output['text'])}`;
      return;
    }
  } else if (output['output_type'] === 'update_display_data') {
    for (const shown of outputs.filter(({ display_id }) => display_id === output['display_id'])) {
      Object.assign(shown, { data: output['data'], metadata: output['metadata'] });
    }
    return;
  } else {
    const text = (output['data'] as Record<string, unknown> | undefined)?.['text/plain'];
    if (typeof text === 'string' && output['output_type'] === 'execute_result') print(`${text}\n`);
  }
  outputs.push(output);
}
