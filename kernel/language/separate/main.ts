/** The compiler process: does with heavy text what the kernel process does with other text. */
import { readFileSync, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { TYPED_LENGTH } from '../../limits/index.ts';
import type { FileReply, FileRequest } from '../../contracts/compiled-cells.ts';
import type { CellReading } from '../../contracts/compiler.ts';
import { compileModule, createCellCompiler } from '../compile/index.ts';
import type { PortableCompiler } from '../compile/index.ts';
import { readCell, readTyped } from '../service/reading.ts';
import type { Reading } from '../service/reading.ts';
import type { SeparateAnswers, SeparateReply, SeparateRequest } from './requests.ts';
import { nests } from '../../limits/weight.ts';

/** Levels of a tree that the kernel process takes: it walks through it by recursion. */
const DEEPEST = 800;
/** Tokens of a statement that cannot be parsed (yet), which may be levels of a tree. */
const UNPARSED = 3000;

if (process.argv[2] === '--file') answerOnce();
process.on('disconnect', () => process.exit());
process.on('message', (request: SeparateRequest) => {
  let reply: SeparateReply;
  try {
    reply = { ok: true, value: answer(request) };
  } catch (error) {
    const { name, message } = error as Error;
    reply = { ok: false, name, message };
  }
  process.send?.(reply);
});

/** A local file for the runtime process: from standard input to standard output. */
function answerOnce(): never {
  let reply: FileReply;
  try {
    const { source, path, options } = deserialize(readFileSync(0)) as FileRequest;
    reply = { ok: true, value: compileModule(source, path, options) };
  } catch (error) {
    const { name, message, code, problem, frame } = error as Error & Record<string, unknown>;
    reply = { ok: false, name, message, more: code === 'syntax' ? { code, problem, frame } : {} };
  }
  const bytes = serialize(reply);
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
  process.exit(0);
}

function answer(request: SeparateRequest): SeparateAnswers[SeparateRequest['kind']] {
  const { source, magics } = request;
  const compiler = createCellCompiler({
    knownMagics: () => magics,
    lowering: () => (request.kind === 'compile' ? request.state.lowering : {}),
    declares: () => request.kind === 'compile' && request.state.declares,
  });
  switch (request.kind) {
    case 'split':
      return compiler.split(source);
    case 'isComplete':
      return compiler.isComplete(source);
    case 'read':
      return flat(() => readTyped(source, new Set(magics)));
    default:
      return compile(request, compiler);
  }
}

function compile(
  { source, magics, execution, state }: Extract<SeparateRequest, { kind: 'compile' }>,
  compiler: PortableCompiler,
): SeparateAnswers['compile'] {
  compiler.restore(execution, state);
  const result = compiler.compile(source, execution);
  const before = new Set(state.names.assignedInFunctions);
  const typed = (result.ok ? result.typed?.source : undefined) ?? source;
  return {
    result,
    bindings: result.ok ? result.cell.bindings : [],
    assignedInFunctions: compiler
      .state(execution)
      .names.assignedInFunctions.filter((name) => !before.has(name)),
    reading:
      result.ok && source.length <= TYPED_LENGTH
        ? flat(() => readCell(typed, new Set(magics), (text) => compiler.split(text)))
        : undefined,
  };
}

/** A reading that can be sent, and walked through by recursion. */
function flat(read: () => Reading): CellReading | undefined {
  let reading: Reading;
  try {
    reading = read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const { parsed, body } = reading.analysis;
  // Without a tree the text says how deep it may be: TypeScript's server takes more than linear time for deep trees.
  const fits = parsed ? depthWithin(body, DEEPEST) : !nests(reading.text, UNPARSED);
  return fits ? reading : undefined;
}

function depthWithin(root: object, most: number): boolean {
  let level: object[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return false;
    const next: object[] = [];
    for (const node of level)
      for (const child of Object.values(node))
        if (typeof child === 'object' && child !== null) next.push(child as object);
    level = next;
  }
  return true;
}
