/**
 * Stack traces in terms of what the user typed: positions go through source maps, and frames of the kernel itself do
 * not appear. V8's hook is used rather than a rewrite of finished text, so that a cell that prints `error.stack`
 * sees the same.
 */
import type * as tracing from '@jridgewell/trace-mapping';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { shownPath } from './shown-path.ts';

export interface StackFrame {
  /** As shown: `f (cell 5:3:7)`. */
  text: string;
  file: string;
  line: number;
  column: number;
  /** In a cell or a local file that the kernel compiled. */
  compiled: boolean;
  /** Node's own code. */
  internal: boolean;
}

interface Source {
  map: string;
  trace?: tracing.TraceMap;
}

const sources = new Map<string, Source>();
const recorded = new WeakMap<object, StackFrame[]>();
let mapping: typeof tracing | undefined;
let ownFolder = '';
/** The same as a path: CommonJS bundles are known by theirs. */
let ownPath = '';

/** Cells and modules whose maps are kept; older ones show positions in the compiled text, which has the same lines. */
const LIMIT = 5000;

export function registerSource(filename: string, map: string): void {
  sources.delete(filename);
  sources.set(filename, { map });
  if (sources.size > LIMIT) sources.delete(sources.keys().next().value as string);
}

function traceOf(filename: string): tracing.TraceMap | undefined {
  const source = sources.get(filename);
  if (!source?.map) return undefined;
  mapping ??= createRequire(import.meta.url)('@jridgewell/trace-mapping') as typeof tracing;
  source.trace ??= new mapping.TraceMap(source.map);
  return source.trace;
}

/** The text of a cell or compiled file as the user typed it. */
export function sourceText(filename: string): string | undefined {
  return traceOf(filename)?.sourcesContent?.[0] ?? undefined;
}

/** @param line from 1, @param column from 1 */
export function originalPosition(
  filename: string,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  const trace = traceOf(filename);
  if (!trace || !mapping) return undefined;
  const found = mapping.originalPositionFor(trace, { line, column: Math.max(column - 1, 0) });
  return found.line === null ? undefined : { line: found.line, column: found.column + 1 };
}

/** Frames of an error from the nearest to the farthest; none for what is no error or was made before the kernel. */
export function framesOf(error: object): StackFrame[] {
  // Reading the stack is what makes V8 call the hook. A getter of the user's may throw here.
  const stack: unknown = (error as { stack?: unknown }).stack;
  return recorded.get(error) ?? (typeof stack === 'string' ? parseFrames(stack) : []);
}

/** For stacks that another hook has formatted. */
function parseFrames(stack: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const row of stack.split('\n')) {
    const match = /^\s+at (?<text>.*?(?:\(|^|async )?(?<file>[^()]+?):(?<line>\d+):(?<column>\d+)\)?)$/u.exec(
      row,
    );
    if (!match?.groups) continue;
    const { text = '', file = '', line, column } = match.groups;
    frames.push(finishFrame(text, file.replace(/^async /u, ''), Number(line), Number(column)));
  }
  return frames.filter((frame) => !isOwn(frame.file));
}

function finishFrame(text: string, file: string, line: number, column: number): StackFrame {
  const compiled = sources.has(file);
  const at = compiled ? originalPosition(file, line, column) : undefined;
  const shown = shownName(file);
  const place = `${shown}:${at?.line ?? line}:${at?.column ?? column}`;
  return {
    text: text.replace(`${file}:${line}:${column}`, () => place),
    file,
    line: at?.line ?? line,
    column: at?.column ?? column,
    compiled,
    internal: file.startsWith('node:'),
  };
}

/** `cell 5.2` is what `cell 5` became when it was compiled again (`%%time`). */
function shownName(file: string): string {
  if (file.startsWith('file://')) return shownPath(safePath(file));
  if (file.startsWith('/')) return shownPath(file);
  return file.startsWith('cell ') ? file.replace(/^(cell \d+)\.\d+$/u, '$1') : file;
}

function safePath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

function isOwn(file: string): boolean {
  return file.startsWith(ownFolder) || file.startsWith(ownPath) || file.startsWith('node:internal/');
}

/** Frames that V8 collects, and how many of them are shown; a limit that the user sets counts for both. */
const COLLECTED = 60;
const SHOWN = 20;

/** @param folder file URL of the kernel's bundles, whose frames are hidden */
export function installStackTraces(folder: string): void {
  ownFolder = folder;
  ownPath = fileURLToPath(folder);
  // The frames of tfjs and of this library are not shown, and may be many between two of the user's.
  Error.stackTraceLimit = COLLECTED;
  Error.prepareStackTrace = (error: Error, sites: NodeJS.CallSite[]): string => {
    const frames: StackFrame[] = [];
    const most = Error.stackTraceLimit === COLLECTED ? SHOWN : Infinity;
    for (const site of sites) {
      if (frames.length >= most) break;
      const file: string | null = site.getFileName() ?? site.getScriptNameOrSourceURL();
      if (file === null || file === '') {
        // Built-in functions such as Array.map.
        if (site.isNative()) continue;
        const text = describe(site);
        if (text.includes('<anonymous>')) {
          frames.push({ text, file: '', line: 0, column: 0, compiled: false, internal: false });
        }
        continue;
      }
      if (isOwn(file)) continue;
      const frame = finishFrame(describe(site), file, site.getLineNumber() ?? 0, site.getColumnNumber() ?? 0);
      const above = frames.at(-1);
      // Helper functions of the generated code have the position of the user's expression.
      if (
        above?.compiled &&
        above.file === file &&
        above.line === frame.line &&
        above.column === frame.column
      )
        continue;
      frames.push(frame);
    }
    // Built-in frames at the bottom belong to the kernel's own call of the cell.
    while (frames.at(-1)?.file === '') frames.pop();
    recorded.set(error, frames);
    return [headline(error), ...frames.map((frame) => `    at ${frame.text}`)].join('\n');
  };
}

/** `async f (file:line:column)`, as V8 words it. */
function describe(site: NodeJS.CallSite): string {
  return (site as unknown as { toString(): string }).toString();
}

function headline(error: Error): string {
  try {
    // Made from the name and the message, which may be getters of the user's own; those wait until they are shown.
    const own = (key: string): boolean => Object.getOwnPropertyDescriptor(error, key)?.get !== undefined;
    if (own('name') || own('message')) return 'Error';
    return Error.prototype.toString.call(error);
  } catch {
    // Its name or message is a getter that throws.
    return 'Error';
  }
}
