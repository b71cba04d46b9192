/** A line of a training's or a callback's own, under the cell or on the terminal. */
export function notify(text: string): void {
  process.stdout.write(`${text}\n`);
}
