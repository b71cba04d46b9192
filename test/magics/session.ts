import type { MagicContext, MagicSession } from '../../kernel/contracts/magics.ts';
import type { ExecuteOutcome } from '../../kernel/contracts/runtime-host.ts';
import type { DisplayPayload } from '../../kernel/contracts/values.ts';

export interface Recorded {
  stdout: string;
  stderr: string;
  displays: { payload: DisplayPayload; update: boolean }[];
}

export interface TestSession extends MagicSession {
  directory: string;
  environment: Record<string, string | undefined>;
  ran: string[];
  asked: { question: string; argument: unknown; timeoutMs: number | undefined }[];
  restarts: string[];
}

/** A session in memory, holding what magics did to it. */
export function testSession(
  options: {
    directory?: string;
    environment?: Record<string, string | undefined>;
    bindings?: MagicSession['bindings'];
    outcome?: ExecuteOutcome;
    answer?: (question: string, argument: unknown) => unknown;
    training?: DisplayPayload;
  } = {},
): TestSession {
  const session: TestSession = {
    directory: options.directory ?? '/',
    environment: options.environment ?? { PATH: process.env['PATH'] },
    ran: [],
    asked: [],
    restarts: [],
    settings: { typecheck: 'warn' },
    training: () => options.training,
    setDirectory(path) {
      session.directory = path;
    },
    setEnvironment(name, value) {
      session.environment[name] = value;
    },
    bindings: options.bindings ?? (() => []),
    run(source) {
      session.ran.push(source);
      return Promise.resolve(options.outcome ?? { status: 'ok', declared: [] });
    },
    ask(question, argument, timeoutMs) {
      session.asked.push({ question, argument, timeoutMs });
      return Promise.resolve(options.answer?.(question, argument));
    },
    runPython: () => Promise.reject(new Error('no Python in this session')),
    askPython: () => Promise.reject(new Error('no Python in this session')),
    restartRuntime(why) {
      session.restarts.push(why);
      return Promise.resolve();
    },
  };
  return session;
}

/** A context for one call, and what it printed. */
export function call(
  text: string,
  session: MagicSession,
  options: { signal?: AbortSignal; onOutput?: (recorded: Recorded) => void } = {},
): { context: MagicContext; recorded: Recorded } {
  const recorded: Recorded = { stdout: '', stderr: '', displays: [] };
  const [head = '', ...below] = text.split('\n');
  const [, marks, name, line] = /^(!|%%?)(?:([\w-]*)[ \t]*)?(.*)$/s.exec(head)!;
  const context: MagicContext = {
    name: marks === '!' ? '!' : (name ?? ''),
    line: marks === '!' ? head.slice(1) : (line ?? ''),
    body: marks === '%%' ? below.join('\n') : undefined,
    execution: 1,
    output: {
      stdout(text) {
        recorded.stdout += text;
        options.onOutput?.(recorded);
      },
      stderr(text) {
        recorded.stderr += text;
        options.onOutput?.(recorded);
      },
      display(payload, update = false) {
        recorded.displays.push({ payload, update });
        options.onOutput?.(recorded);
      },
    },
    signal: options.signal ?? new AbortController().signal,
    session,
  };
  return { context, recorded };
}
