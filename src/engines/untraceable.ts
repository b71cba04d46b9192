/** Why a function whose first run makes variables cannot be traced before that run. */
export const MAKES_VARIABLES = 'variables are created in the step';

/** Why a function cannot become a graph. It then runs eagerly, as without Tensorcell. */
export class Untraceable extends Error {
  override readonly name = 'Untraceable';
  /** It may go without TensorFlow's own optimizer ops (`fused`), or with recurrent layers unrolled (`loops`). */
  readonly retry: 'fused' | 'loops' | undefined;

  constructor(message: string, retry?: 'fused' | 'loops') {
    super(message);
    this.retry = retry;
  }

  /** Whether a run that is not traced may make what is missing. */
  get makesVariables(): boolean {
    return this.message === MAKES_VARIABLES;
  }
}
