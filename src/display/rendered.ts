import type { MimeBundle } from '../base/host.ts';

/** A value in the forms that a front end chooses from. */
export interface Rendered {
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

/** Values that belong to this library say here how they look; kept off `$display` so that users may override. */
export const RENDERED = Symbol.for('tensorcell.rendered');

/** Gives a value of this library its form; for classes, call it on the prototype. */
export function setRendering<T extends object>(target: T, render: (this: T) => Rendered): void {
  Object.defineProperty(target, RENDERED, { value: render, configurable: true, writable: true });
}
