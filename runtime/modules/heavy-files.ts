/**
 * Local files whose text is long or may nest deeply: a separate process compiles them, since parsers are native code that
 * recurses, and would end this process with all variables. An interrupt ends it like every other child.
 */
import { spawnSync } from 'node:child_process';
import { deserialize, serialize } from 'node:v8';
import type { CompiledModule, FileReply, FileRequest } from '../../kernel/contracts/compiled-cells.ts';

/** As for a cell. */
const LIMIT_MS = 30_000;
/** MiB. */
const HEAP = 3072;
const MOST_OUTPUT = 2 ** 30;
const ADVICE = 'split it, or read its data from a file such as JSON';

/**
 * @param bundle the compiler process's file
 * @throws SyntaxError for what cannot be compiled, or takes longer than 30 s
 */
export function compileApart(bundle: string, request: FileRequest): CompiledModule {
  const { path, source } = request;
  const size = `${path} (${source.length.toLocaleString('en')} characters)`;
  // The shell sets a limit that Node cannot: a process that overflows its stack leaves no core file behind.
  const words = [process.execPath, `--max-old-space-size=${HEAP}`, bundle, '--file'];
  const { stdout, status, signal, error } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -c 0 2>/dev/null; exec "$@"', 'sh', ...words],
    {
      input: serialize(request),
      maxBuffer: MOST_OUTPUT,
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      stdio: ['pipe', 'pipe', 'ignore'],
      // Options for the user's own program may not fit it.
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === 'ETIMEDOUT')
    throw new SyntaxError(`${size} could not be compiled within ${LIMIT_MS / 1000} s: ${ADVICE}`);
  if (signal === 'SIGINT') throw new Error(`${size} was not compiled: it was interrupted`);
  if (error && code !== 'ENOBUFS')
    throw new Error(`${size} needs a compiler process, which failed: ${error.message}`);
  if (status !== 0 || error) {
    throw new SyntaxError(
      `${size} is nested too deeply, or needs more memory than the compiler is allowed (it ended with ${signal ?? `exit code ${status}`}): ${ADVICE}`,
    );
  }
  const reply = deserialize(stdout) as FileReply;
  if (reply.ok) return reply.value;
  if (reply.name === 'RangeError')
    throw new SyntaxError(`${size} is nested too deeply, or is too large for the compiler: ${ADVICE}`);
  throw Object.assign(new SyntaxError(reply.message), reply.more);
}
