/** Why a function cannot become a graph. It then runs op by op, as without us. */
export class Untraceable extends Error {
  override readonly name = 'Untraceable';
  /** `fused`: it may go without TensorFlow's own optimizer ops. */
  readonly retry: 'fused' | undefined;

  constructor(message: string, retry?: 'fused') {
    super(message);
    this.retry = retry;
  }
}

/** The first line of a stack that is not ours or tfjs's: where the user's code asked for what cannot be traced. */
export function userLine(stack: string | undefined): string | undefined {
  for (const line of (stack ?? '').split('\n').slice(1)) {
    const place = /\(?((?:file:\/\/)?[^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place === undefined) continue;
    if (/node:|tf\.cjs|[/\\]dist[/\\]|[/\\]src[/\\]tensorflow[/\\]/.test(place)) continue;
    return place;
  }
  return undefined;
}
