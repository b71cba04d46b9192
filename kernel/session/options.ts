/** The parts and settings of a session. */
import type { SessionCompiler } from '../contracts/compiler.ts';
import type { LanguageService } from '../contracts/language-service.ts';
import type { MagicRegistry } from '../contracts/magics.ts';
import type { PythonHost } from '../contracts/python.ts';
import type { OutputSink, RuntimeHost } from '../contracts/runtime-host.ts';
import type { Transport } from '../transport/transport.ts';
import type { Codec } from '../wire/codec.ts';
import type { KernelInfoReply } from '../wire/messages.ts';
import type { Surroundings } from './surroundings.ts';

/** The parts of the session that the Python host needs. */
export interface PythonParts {
  sink: OutputSink;
  surroundings: Surroundings;
  ask: (execution: number, question: { prompt: string; password: boolean }) => Promise<string | undefined>;
}

export interface SessionOptions {
  codec: Codec;
  transport: Transport;
  log: (message: string) => void;
  info: KernelInfoReply;
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  historyPath: string;
  /** Replies wait for type errors. */
  waitForTypes: boolean;
  createRuntimeHost: (sink: OutputSink) => RuntimeHost;
  /** The next three are loaded when they are needed first, or when the kernel is idle. */
  compiler: () => Promise<SessionCompiler>;
  language: () => Promise<LanguageService>;
  magics: () => Promise<MagicRegistry>;
  /** Loaded when a cell uses Python. */
  createPython: (options: PythonParts) => Promise<PythonHost>;
  /** Ends the process; called after the reply to a shutdown request. */
  exit: () => void;
}
