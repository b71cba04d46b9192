/** A notebook for tests: a real runtime process behind the host, without sockets. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntimeHost, type RuntimeHostOptions } from '../../kernel/runtime-host/index.ts';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';
import type { Binding, BindingKind, CompiledCell } from '../../kernel/contracts/compiled-cells.ts';
import type { ExecuteOutcome, OutputSink, RuntimeHost } from '../../kernel/contracts/runtime-host.ts';

export type SinkMessage = Parameters<OutputSink['output']>[0];

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const distribution = join(repository, 'dist');

export interface Notebook {
  host: RuntimeHost;
  /** Everything that reached the sink. */
  messages: SinkMessage[];
  /** Runs a cell of generated code: what the compiler would make of it, written by hand. */
  run(code: string, options?: CellOptions): Promise<ExecuteOutcome>;
  /** Starts one without waiting; its number and its outcome. */
  begin(code: string, options?: CellOptions): { execution: number; outcome: Promise<ExecuteOutcome> };
  /** Runs a cell as a user types it, through the compiler. */
  cell(source: string, options?: CellOptions): Promise<ExecuteOutcome>;
  /** The value of the last cell's result, as text; undefined when there was none. */
  readonly shown: unknown;
  /** Printed text of a cell. */
  text(execution: number, name?: 'stdout' | 'stderr'): string;
  /** text/plain of a cell's result. */
  result(execution: number): unknown;
  /** Number of the last cell. */
  readonly last: number;
  until(condition: () => boolean): Promise<void>;
  replaced: string[];
}

export interface CellOptions {
  async?: boolean;
  bindings?: Partial<Binding>[];
  allowStdin?: boolean;
  silent?: boolean;
  map?: string;
}

function compileByHand(code: string, execution: number, options: CellOptions = {}): CompiledCell {
  const async = options.async ?? /\bawait\b/u.test(code);
  return {
    code: `(${async ? 'async ' : ''}(cell) => {'use strict';${code}\n})`,
    filename: `cell ${execution}`,
    map: options.map ?? '',
    async,
    bindings: (options.bindings ?? []).map((binding) => ({
      name: 'x',
      kind: 'let' as BindingKind,
      ...binding,
    })),
  };
}

export function openNotebook(
  options: Partial<RuntimeHostOptions> & {
    onMessage?: (message: SinkMessage, host: RuntimeHost) => void | Promise<void>;
  } = {},
): Notebook {
  const messages: SinkMessage[] = [];
  const replaced: string[] = [];
  const host: RuntimeHost = createRuntimeHost({
    runtimeFile: join(distribution, 'runtime.cjs'),
    directory: repository,
    environment: process.env,
    sink: {
      output(message) {
        messages.push(message);
        return options.onMessage?.(message, host);
      },
    },
    ...options,
  });
  host.onReplaced((why) => replaced.push(why));
  host.start();
  let last = 0;
  const begin: Notebook['begin'] = (code, cellOptions = {}) => {
    const execution = ++last;
    const outcome = host.execute({
      execution,
      cell: compileByHand(code, execution, cellOptions),
      silent: cellOptions.silent ?? false,
      allowStdin: cellOptions.allowStdin ?? false,
    });
    return { execution, outcome };
  };
  const compiler = createCellCompiler();
  host.onReplaced(() => compiler.reset());
  return {
    host,
    async cell(source, cellOptions = {}) {
      const execution = ++last;
      const compiled = compiler.compile(source, execution);
      if (!compiled.ok) throw new Error(compiled.frame);
      const outcome = await host.execute({
        execution,
        cell: compiled.cell,
        silent: cellOptions.silent ?? false,
        allowStdin: cellOptions.allowStdin ?? false,
      });
      compiler.commit(execution, outcome.declared);
      return outcome;
    },
    get shown() {
      return this.result(last);
    },
    messages,
    replaced,
    begin,
    run: (code, cellOptions) => begin(code, cellOptions).outcome,
    get last() {
      return last;
    },
    text: (execution, name = 'stdout') =>
      messages
        .filter(
          (message) => message.type === 'stream' && message.execution === execution && message.name === name,
        )
        .map((message) => (message as { text: string }).text)
        .join(''),
    result(execution) {
      const found = messages.find((message) => message.type === 'result' && message.execution === execution);
      return found?.type === 'result' ? found.payload.data['text/plain'] : undefined;
    },
    async until(condition) {
      const deadline = Date.now() + 20_000;
      while (!condition()) {
        if (Date.now() > deadline) throw new Error('what the test waits for did not happen within 20 s');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}
