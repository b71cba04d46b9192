import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { notebookHost } from '../base/host.ts';
import { base64 } from './image-format.ts';

/**
 * The module that notebooks written for tslab import: `import * as tslab from 'tslab'`. The names and their meaning are those of
 * tslab 1.0.22 (github.com/yunabe/tslab); the output goes through this kernel's displays.
 */
export interface Display {
  javascript(text: string): void;
  html(text: string): void;
  markdown(text: string): void;
  latex(text: string): void;
  svg(text: string): void;
  png(bytes: Uint8Array): void;
  jpeg(bytes: Uint8Array): void;
  gif(bytes: Uint8Array): void;
  pdf(bytes: Uint8Array): void;
  text(text: string): void;
  /** Shows a value of any MIME type; bytes are sent as base64. */
  raw(contentType: string, value: string | Uint8Array): void;
}

function displayWith(show: (mime: string, value: string) => void): Display {
  const raw = (mime: string, value: string | Uint8Array): void => {
    show(mime, typeof value === 'string' ? value : base64(value));
  };
  const as = (mime: string) => (value: string | Uint8Array) => {
    raw(mime, value);
  };
  return {
    javascript: as('text/javascript'),
    html: as('text/html'),
    markdown: as('text/markdown'),
    latex: as('text/latex'),
    svg: as('image/svg+xml'),
    png: as('image/png'),
    jpeg: as('image/jpeg'),
    gif: as('image/gif'),
    pdf: as('application/pdf'),
    text: as('text/plain'),
    raw,
  };
}

function send(mime: string, value: string, displayId: string | undefined, update: boolean): void {
  const host = notebookHost();
  if (host === undefined) {
    process.stdout.write(`${mime === 'text/plain' ? value : `<${mime}>`}\n`);
    return;
  }
  // nbformat wants some data for every front end; tslab itself sends the one form only.
  const data = mime.startsWith('text/') ? { [mime]: value } : { 'text/plain': `<${mime}>`, [mime]: value };
  host.display({ data, metadata: {}, ...(displayId === undefined ? {} : { displayId }) }, { update });
}

/** Each call adds an output. */
export const display: Display = displayWith((mime, value) => {
  send(mime, value, undefined, false);
});

/** A display of which every call replaces what the one before showed. */
export function newDisplay(): Display {
  const id = randomUUID();
  let shown = false;
  return displayWith((mime, value) => {
    send(mime, value, id, shown);
    shown = true;
  });
}

/** Prints values as console.log does, without a newline's worth of formatting of strings. */
export function print(...values: unknown[]): void {
  process.stdout.write(
    `${values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ')}\n`,
  );
}

/** Versions as tslab's notebooks print them; `tslab` is the version whose names these are. */
export const versions = {
  tslab: '1.0.22',
  typescript: (createRequire(import.meta.url)('typescript/package.json') as { version: string }).version,
  node: process.version,
};
