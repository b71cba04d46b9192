import type { MimeBundle } from '../base/host.ts';
import { base64, imageFormat } from './image-format.ts';
import { types } from 'node:util';
import { grouped, plainText } from './plain-text.ts';
import { dataProperty } from './value-parts.ts';
import type { TextLimits } from './plain-text.ts';
import { RENDERED } from './rendered.ts';
import type { Rendered } from './rendered.ts';
import { isTableLike, tableHtml } from './table.ts';
import { isTensorLike, tensorText } from './tensor.ts';
import { tensorHtml } from './tensor-html.ts';

/**
 * The symbol under which a value describes itself, as in Deno: a method, perhaps async, that returns a record of MIME
 * type and value. https://docs.deno.com/runtime/reference/cli/jupyter/
 */
export const $display: unique symbol = Symbol.for('Jupyter.display') as never;

export interface RenderOptions extends Partial<TextLimits> {
  /** Text of an error; the notebook's runtime passes one that shows positions in cells. */
  errorText?: (error: Error) => string;
}

/**
 * A value as a result shows it: always `text/plain`, and richer forms where there are any. Never throws and never
 * waits: for values whose own form is asynchronous use {@link renderAsync}.
 */
export function renderValue(value: unknown, options: RenderOptions = {}): Rendered {
  const own = ownForm(value);
  if (own === undefined) return builtin(value, options);
  if (own.kind === 'bundle') return { data: complete(own.data, value, options), metadata: own.metadata };
  if (own.kind === 'promise') own.promise.catch(() => undefined);
  const note = own.kind === 'failed' ? `\n(its display method threw: ${own.message})` : '';
  const rendered = builtin(value, options);
  rendered.data['text/plain'] = `${String(rendered.data['text/plain'])}${note}`;
  return rendered;
}

/** The same, waiting for display methods that are asynchronous. The promise never rejects. */
export function renderAsync(value: unknown, options: RenderOptions = {}): Rendered | Promise<Rendered> {
  const own = ownForm(value);
  if (own?.kind !== 'promise') return renderValue(value, options);
  return own.promise.then(
    (result) => {
      const bundle = asBundle(result);
      return bundle === undefined
        ? builtin(value, options)
        : { data: complete(bundle, value, options), metadata: {} };
    },
    (error: unknown) => {
      const rendered = builtin(value, options);
      const message = error instanceof Error ? error.message : String(error);
      rendered.data['text/plain'] =
        `${String(rendered.data['text/plain'])}\n(its display method threw: ${message})`;
      return rendered;
    },
  );
}

type OwnForm =
  | { kind: 'bundle'; data: MimeBundle; metadata: Record<string, unknown> }
  | { kind: 'promise'; promise: Promise<unknown> }
  | { kind: 'failed'; message: string };

/** The form that a value gives itself, if it does, by a method, also of its class; not by a getter or proxy. */
function ownForm(value: unknown): OwnForm | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    const ours = dataProperty(value, RENDERED);
    if (typeof ours === 'function') {
      const rendered = Reflect.apply(ours, value, []) as Rendered;
      return { kind: 'bundle', data: rendered.data, metadata: rendered.metadata };
    }
    const method = dataProperty(value, $display);
    if (typeof method !== 'function') return undefined;
    const result: unknown = Reflect.apply(method, value, []);
    if (result instanceof Promise) return { kind: 'promise', promise: result };
    const data = asBundle(result);
    return data === undefined ? undefined : { kind: 'bundle', data, metadata: {} };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

function asBundle(value: unknown): MimeBundle | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return encodeBundle(value as MimeBundle);
}

/** Bytes become base64 text, as Jupyter's messages want them. */
export function encodeBundle(bundle: MimeBundle): MimeBundle {
  return Object.fromEntries(
    Object.entries(bundle).map(([mime, value]) => [
      mime,
      value instanceof Uint8Array ? base64(value) : value,
    ]),
  );
}

function complete(data: MimeBundle, value: unknown, options: RenderOptions): MimeBundle {
  if ('text/plain' in data) return data;
  return { 'text/plain': plainText(value, { depth: 1, items: 20, ...options }), ...data };
}

function builtin(value: unknown, options: RenderOptions): Rendered {
  const text = (): string => plainText(value, options);
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return only(text());
  try {
    if (isTensorLike(value)) {
      const html = tensorHtml(value);
      return html === undefined ? only(tensorText(value)) : both(tensorText(value), 'text/html', html);
    }
    if (types.isUint8Array(value)) return picture(value) ?? only(text());
    if (isError(value) && options.errorText) return only(options.errorText(value));
    if (isTableLike(value)) return both(text(), 'text/html', tableHtml(value));
    const schema = dataProperty(value, '$schema');
    if (typeof schema === 'string' && schema.startsWith('https://vega.github.io/schema/vega-lite/')) {
      return both('Vega-Lite chart', 'application/vnd.vegalite.v5+json', value);
    }
    const markup = elementMarkup(value);
    if (markup !== undefined) {
      return both(text(), /^\s*<svg[\s>]/i.test(markup) ? 'image/svg+xml' : 'text/html', markup);
    }
  } catch (error) {
    const rendered = only(text());
    const message = error instanceof Error ? error.message : String(error);
    rendered.data['text/plain'] =
      `${String(rendered.data['text/plain'])}\n(its rich form failed: ${message})`;
    return rendered;
  }
  return only(text());
}

/** Looks along the prototypes as far as there is no proxy. */
function isError(value: object): value is Error {
  return types.isNativeError(value) || (dataProperty(value, 'stack') !== undefined && value instanceof Error);
}

function only(text: string): Rendered {
  return { data: { 'text/plain': text }, metadata: {} };
}

function both(text: string, mime: string, value: unknown): Rendered {
  return { data: { 'text/plain': text, [mime]: value }, metadata: {} };
}

function picture(bytes: Uint8Array): Rendered | undefined {
  const format = imageFormat(bytes);
  if (format === undefined) return undefined;
  const size = format.width === undefined ? '' : ` of ${format.width} × ${String(format.height)} pixels,`;
  return both(`${format.name} image,${size} ${grouped(bytes.length)} bytes`, format.mime, base64(bytes));
}

/**
 * Markup of a DOM element of jsdom, linkedom and the like, as charting libraries return. These keep `outerHTML` as an
 * accessor of a prototype, the one accessor that is read here.
 */
function elementMarkup(value: object): string | undefined {
  const inherited = (key: string): boolean => {
    for (
      let at = Object.getPrototypeOf(value) as object | null;
      at !== null;
      at = Object.getPrototypeOf(at) as object | null
    ) {
      if (types.isProxy(at)) return false;
      if (Object.getOwnPropertyDescriptor(at, key)?.get) return true;
    }
    return false;
  };
  if (!inherited('outerHTML') || !(inherited('nodeType') || Object.hasOwn(value, 'nodeType')))
    return undefined;
  const markup = (value as { outerHTML: unknown }).outerHTML;
  return typeof markup === 'string' && markup.length <= 5_000_000 ? markup : undefined;
}
