import { constants } from 'node:os';

/** The known facts about the end of a runtime process. */
export interface Death {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The process said that `process.exit` was called, with this code. */
  exiting?: number;
  /** The end of what it wrote to its standard error, unfiltered. */
  stderr: string;
}

const SIGNALS: Partial<Record<NodeJS.Signals, string>> = {
  SIGSEGV: 'segmentation fault (SIGSEGV): native code accessed invalid memory, or its stack overflowed',
  SIGBUS: 'bus error (SIGBUS): a mapped file or shared memory became smaller than its mapping',
  SIGILL: 'illegal instruction (SIGILL): native code needs a newer CPU, or aborted on purpose',
  SIGFPE: 'arithmetic fault (SIGFPE) in native code',
  SIGABRT: 'it aborted (SIGABRT)',
  SIGTRAP: 'it aborted (SIGTRAP)',
  SIGKILL: 'it was killed (SIGKILL), perhaps by the system because memory ran out',
  SIGTERM: 'it was terminated from outside (SIGTERM)',
  SIGINT: 'it was terminated from outside (SIGINT)',
  SIGXCPU: 'it exceeded its CPU time limit (SIGXCPU)',
};

/** Says in words, for the person at the notebook, why a runtime process ended. Pure. */
export function describeDeath({ code, signal, exiting, stderr }: Death): string {
  if (
    /JavaScript heap out of memory|Reached heap limit|invalid table size|invalid array length Allocation failed/iu.test(
      stderr,
    )
  ) {
    return 'its JavaScript heap is exhausted (out of memory)';
  }
  const named = signal ?? signalOf(code);
  if (named) {
    const words = SIGNALS[named] ?? `signal ${named}`;
    const fatal =
      named === 'SIGABRT' || named === 'SIGTRAP' || named === 'SIGILL' ? fatalLine(stderr) : undefined;
    return fatal ? `${words}: ${fatal}` : words;
  }
  if (exiting !== undefined) return `process.exit(${exiting}) was called`;
  if (code === 134) return 'it aborted';
  const fatal = fatalLine(stderr);
  return `it ended with exit code ${code}${fatal ? `: ${fatal}` : ''}`;
}

/** A shell's way to report a signal: 128 + its number. */
function signalOf(code: number | null): NodeJS.Signals | undefined {
  if (code === null || code <= 128) return undefined;
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found?.[0] as NodeJS.Signals | undefined;
}

/** The line in which Node, V8 or the C++ library says what is wrong. */
function fatalLine(stderr: string): string | undefined {
  const match =
    /^(?:FATAL ERROR: |# Fatal error in |terminate called |.*?Assertion .*failed|F\d{4} |.*: F tensorflow)[^\n]*/imu.exec(
      stderr,
    );
  return match?.[0].trim().slice(0, 300);
}

/**
 * Where Node's report of its fatal error begins in a text: the rest (garbage collections, native and JavaScript
 * stacks) says nothing beyond the reason. -1 when there is none. Pure.
 */
export function startOfReport(text: string): number {
  return text.search(
    /\n*(?:^|(?<=\n))(?:<--- (?:Last few GCs|JS stacktrace) --->|FATAL ERROR: |#\n# Fatal error in |----- (?:Native|JavaScript) stack trace -----)/u,
  );
}
