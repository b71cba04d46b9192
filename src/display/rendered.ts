import type { MimeBundle } from '../host.ts';

/** A value in the forms that a front end chooses from. */
export interface Rendered {
  data: MimeBundle;
  metadata: Record<string, unknown>;
}
