/** A value in the forms that a front end chooses from, by MIME type. */
export interface Rendered {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
}
