/** A check that needs hardware, with the step of `tensorcell hardware-test` that answers it where one does. */
export interface HardwareCheck {
  title: string;
  /** Markdown. */
  command: string;
  /** Markdown. */
  expected: string;
  /** Name of a step. */
  step?: string;
}

/** The build that computes on the machine of a report. */
export type TestedBuild = 'cuda' | 'directml' | 'cpu';

/** Checks of one kind of machine. */
export interface CheckSection {
  title: string;
  /** Reports of this build count for the statuses; a section without one is checked by hand alone. */
  build?: TestedBuild;
  text?: string;
  checks: readonly HardwareCheck[];
}
