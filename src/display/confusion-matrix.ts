import { escapeHtml } from '../base/text/html.ts';
import { setRendering } from './rendered.ts';
import type { Rendered } from './rendered.ts';
import { isTensorLike } from './tensor.ts';
import type { TensorLike } from './tensor.ts';

export type Classes = ArrayLike<number> | TensorLike;

/** How often each class was taken for each other: `counts[truth][prediction]`. Made by {@link confusionMatrix}. */
export class ConfusionMatrix {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** The part of all examples that was right, 0 to 1. */
  readonly accuracy: number;

  constructor(labels: readonly string[], counts: readonly (readonly number[])[]) {
    this.labels = labels;
    this.counts = counts;
    const total = counts.flat().reduce((sum, count) => sum + count, 0);
    const right = counts.reduce((sum, row, index) => sum + (row[index] as number), 0);
    this.accuracy = total === 0 ? Number.NaN : right / total;
  }

  /** As text, and as a table with shades: blue what is right, orange what is wrong. */
  render(): Rendered {
    return { data: { 'text/plain': this.text(), 'text/html': this.html() }, metadata: {} };
  }

  private get caption(): string {
    const total = this.counts.flat().reduce((sum, count) => sum + count, 0);
    const right = Math.round(this.accuracy * total) || 0;
    return `${right} of ${total} right (${(this.accuracy * 100).toFixed(2)} %); rows: true class, columns: predicted class`;
  }

  private text(): string {
    const rows = [
      ['', ...this.labels],
      ...this.counts.map((row, index) => [this.labels[index] as string, ...row.map(String)]),
    ];
    const width = Math.max(...rows.flat().map((cell) => cell.length)) + 1;
    return [this.caption, ...rows.map((row) => row.map((cell) => cell.padStart(width)).join(''))].join('\n');
  }

  private html(): string {
    const worst = Math.max(
      1,
      ...this.counts.flatMap((row, truth) => row.filter((_, index) => index !== truth)),
    );
    const head = this.labels.map((label) => `<th scope="col">${escapeHtml(label)}</th>`).join('');
    const body = this.counts.map((row, truth) => {
      const all = row.reduce((sum, count) => sum + count, 0) || 1;
      const cells = row.map((count, prediction) => {
        const right = truth === prediction;
        const shade = right ? (count / all) * 0.5 : (count / worst) * 0.7;
        const colour = right ? '0,114,178' : '213,94,0';
        const background = count === 0 ? '' : `;background:rgba(${colour},${shade.toFixed(2)})`;
        const title = `${String(count)} of class ${this.labels[truth] as string} taken for ${this.labels[prediction] as string}`;
        return `<td style="text-align:right${background}" title="${escapeHtml(title)}">${right || count > 0 ? count : '·'}</td>`;
      });
      return `<tr><th scope="row">${escapeHtml(this.labels[truth] as string)}</th>${cells.join('')}</tr>`;
    });
    return `<table style="font-variant-numeric:tabular-nums"><caption style="text-align:left;caption-side:bottom">${escapeHtml(this.caption)}</caption>\n<thead><tr><th scope="col">true \\ predicted</th>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody></table>`;
  }
}

setRendering(ConfusionMatrix.prototype, function render() {
  return this.render();
});

/**
 * Counts how often each true class was predicted as each other one.
 *
 * @param truth class numbers from 0, an array or a 1-D tensor. @param predicted the same length.
 * @param options `labels`: a name for each class; default the numbers.
 * @throws RangeError where the lengths differ or a class is no whole number from 0.
 */
export function confusionMatrix(
  truth: Classes,
  predicted: Classes,
  options: { labels?: readonly string[] } = {},
): ConfusionMatrix {
  const right = values(truth, 'true');
  const guessed = values(predicted, 'predicted');
  if (right.length !== guessed.length) {
    throw new RangeError(
      `${right.length} true classes, but ${guessed.length} predicted ones: give one for each`,
    );
  }
  const highest = Math.max(highestOf(right), highestOf(guessed));
  const size = Math.max(highest + 1, options.labels?.length ?? 0);
  const counts = Array.from({ length: size }, () => Array.from({ length: size }, () => 0));
  for (let index = 0; index < right.length; index++) {
    const row = counts[right[index] as number] as number[];
    row[guessed[index] as number] = (row[guessed[index] as number] as number) + 1;
  }
  const labels = Array.from({ length: size }, (_, index) => options.labels?.[index] ?? String(index));
  return new ConfusionMatrix(labels, counts);
}

function values(classes: Classes, what: string): ArrayLike<number> {
  if (isTensorLike(classes) && classes.shape.length !== 1) {
    throw new RangeError(
      `the ${what} classes have ${classes.shape.length} axes: give one number per example, as .argMax(-1) does`,
    );
  }
  const numbers = isTensorLike(classes) ? (classes.dataSync() as ArrayLike<number>) : classes;
  for (let index = 0; index < numbers.length; index++) {
    const value = numbers[index] as number;
    if (!Number.isInteger(value) || value < 0 || value >= 1000) {
      throw new RangeError(`${what} class ${value} at index ${index} is not a whole number from 0 to 999`);
    }
  }
  return numbers;
}

function highestOf(numbers: ArrayLike<number>): number {
  let highest = -1;
  for (let index = 0; index < numbers.length; index++) highest = Math.max(highest, numbers[index] as number);
  return highest;
}
