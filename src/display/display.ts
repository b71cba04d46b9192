import { randomUUID } from 'node:crypto';
import { notebookHost } from '../base/host.ts';
import type { MimeBundle } from '../base/host.ts';
import { base64 } from './image-format.ts';
import { encodeBundle, renderAsync } from './render.ts';
import type { RenderOptions } from './render.ts';
import type { Rendered } from './rendered.ts';

/** How to show something, each returning `Shown`: a handle for `display`, nothing for a handle's `update`. */
export interface DisplayForms<Shown> {
  /** Any value, as a cell's result is shown. `options` say how much of it: `{ items: 1000, depth: 8 }`. */
  (value: unknown, options?: RenderOptions): Shown;
  html(markup: string): Shown;
  svg(markup: string): Shown;
  markdown(text: string): Shown;
  latex(text: string): Shown;
  text(text: string): Shown;
  /** A file's bytes, or base64 text. */
  png(bytes: Uint8Array | string): Shown;
  jpeg(bytes: Uint8Array | string): Shown;
  /** A plain value as a tree that folds. */
  json(value: unknown): Shown;
  /** A Vega-Lite 5 specification. */
  vegaLite(specification: object): Shown;
  /** Any record of MIME type and value; bytes are encoded. */
  mime(bundle: MimeBundle, metadata?: Record<string, unknown>): Shown;
}

/** Something on the page that can be changed where it stands. */
export interface DisplayHandle {
  readonly id: string;
  /** Replaces what is shown: `handle.update(value)`, `handle.update.html(markup)` and so on. */
  readonly update: DisplayForms<void>;
  /** Leaves the place empty; a later `update` fills it again. */
  clear(): void;
}

const handles = new WeakSet();

/** Values that a display shows already, and in which execution: the history that `fit` returns. */
const shownIn = new WeakMap<object, number>();

/** Says that the running cell shows this value already. */
export function markShown(value: object): void {
  shownIn.set(value, notebookHost()?.execution() ?? 0);
}

/** Whether a value, as the last one of a cell, is not to be shown: handles, and what the same cell has shown. */
export function isDisplayHandle(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return handles.has(value) || shownIn.get(value) === (notebookHost()?.execution() ?? 0);
}

function shows<Shown>(show: (rendered: Rendered | Promise<Rendered>) => Shown): DisplayForms<Shown> {
  const one = (mime: string, value: unknown, text?: string): Shown =>
    show({
      data: text === undefined ? { [mime]: value } : { 'text/plain': text, [mime]: value },
      metadata: {},
    });
  const picture = (mime: string, bytes: Uint8Array | string): Shown =>
    one(mime, typeof bytes === 'string' ? bytes : base64(bytes), `<${mime}>`);
  return Object.assign((value: unknown, options?: RenderOptions) => show(renderAsync(value, options)), {
    html: (markup: string) => one('text/html', markup, markup),
    svg: (markup: string) => one('image/svg+xml', markup, '<image/svg+xml>'),
    markdown: (text: string) => one('text/markdown', text, text),
    latex: (text: string) => one('text/latex', text, text),
    text: (text: string) => one('text/plain', text),
    png: (bytes: Uint8Array | string) => picture('image/png', bytes),
    jpeg: (bytes: Uint8Array | string) => picture('image/jpeg', bytes),
    json: (value: unknown) => {
      const plain = toPlainJson(value);
      return one('application/json', plain, jsonText(plain, 2) ?? 'null');
    },
    vegaLite: (specification: object) =>
      one('application/vnd.vegalite.v5+json', toPlainJson(specification), 'Vega-Lite chart'),
    mime: (bundle: MimeBundle, metadata: Record<string, unknown> = {}) =>
      show({ data: encodeBundle(bundle), metadata }),
  });
}

/** @throws RangeError that says what to do about a value that is nested deeper than the stack allows */
function jsonText(value: unknown, indent?: number): string | undefined {
  try {
    return JSON.stringify(value, null, indent);
  } catch (cause) {
    if (!(cause instanceof RangeError) || !cause.message.includes('call stack')) throw cause;
    throw new RangeError(
      'the displayed value is nested too deeply for JSON: make it flatter, or display it as text',
      { cause },
    );
  }
}

/** The value as JSON.stringify keeps it; throws its error for circular values and big integers. */
function toPlainJson(value: unknown): unknown {
  const text = jsonText(value);
  return text === undefined ? null : (JSON.parse(text) as unknown);
}

/**
 * Sends a rendered value. One whose form is asynchronous is sent when it is there, under the cell that requested it.
 * Outside a notebook its text is printed; an update prints again.
 */
function send(rendered: Rendered | Promise<Rendered>, displayId: string, update: boolean): void {
  const host = notebookHost();
  const execution = host?.execution();
  const now = ({ data, metadata }: Rendered): void => {
    if (host === undefined) {
      const plain = data['text/plain'];
      const text = typeof plain === 'string' ? plain : `<${Object.keys(data).join(', ')}>`;
      if (text !== '') process.stdout.write(`${text}\n`);
      return;
    }
    host.display(
      { data, metadata, displayId },
      { update, ...(execution === undefined ? {} : { execution }) },
    );
  };
  if (rendered instanceof Promise) void rendered.then(now);
  else now(rendered);
}

function handleFor(id: string): DisplayHandle {
  const handle: DisplayHandle = Object.freeze({
    id,
    update: shows((rendered) => {
      send(rendered, id, true);
    }),
    clear: () => {
      send({ data: { 'text/plain': '' }, metadata: {} }, id, true);
    },
  });
  handles.add(handle);
  return handle;
}

/**
 * Shows any value under the cell, as its result would be shown, and returns a handle with which it can be replaced
 * where it stands. In plain Node it prints the text form.
 */
export const display: DisplayForms<DisplayHandle> = shows((rendered) => {
  const handle = handleFor(randomUUID());
  send(rendered, handle.id, false);
  return handle;
});

/** Empties the cell's output; with `wait`, only when the next output arrives, so that nothing flickers. */
export function clearOutput(options: { wait?: boolean } = {}): void {
  notebookHost()?.clearOutput(options.wait ?? false);
}
