import { escapeHtml } from '../base/text/html.ts';
import { base64 } from './image-format.ts';
import { encodePng } from './png.ts';
import { setRendering } from './rendered.ts';
import type { Rendered } from './rendered.ts';
import { isTensorLike, shapeText } from './tensor.ts';
import type { TensorLike } from './tensor.ts';

export interface ImagesOptions {
  /** A caption under each picture. */
  labels?: Labels;
  /** Pictures in a row. Default: as many as fit the page. */
  columns?: number;
  /** Screen pixels per pixel. Default: small pictures are enlarged to about 64. */
  scale?: number;
}

export type Labels = ArrayLike<string | number> | TensorLike;

const MOST = 400;

/** Pixels of 0 to 255, rows from the top. */
interface Picture {
  width: number;
  height: number;
  channels: 1 | 3 | 4;
  pixels: Uint8Array;
}

/** Pictures as a value: shown as a grid with captions. Made by {@link images}. */
export class ImageGrid {
  readonly count: number;
  readonly #pictures: readonly Picture[];
  readonly #labels: readonly string[];
  readonly #options: ImagesOptions;

  constructor(
    pictures: readonly Picture[],
    labels: readonly string[],
    count: number,
    options: ImagesOptions,
  ) {
    this.#pictures = pictures;
    this.#labels = labels;
    this.#options = options;
    this.count = count;
  }

  /** The pictures as one PNG file, without captions. */
  toPng(): Buffer {
    const first = this.#pictures[0] as Picture;
    const { width, height, channels } = first;
    const columns = Math.min(this.#pictures.length, this.#options.columns ?? 10);
    const gap = 2;
    const scale = this.scale;
    const totalWidth = columns * (width * scale + gap) - gap;
    const totalHeight = Math.ceil(this.#pictures.length / columns) * (height * scale + gap) - gap;
    const sheet = new Uint8Array(totalWidth * totalHeight * channels).fill(255);
    for (const [index, { pixels }] of this.#pictures.entries()) {
      const left = (index % columns) * (width * scale + gap);
      const top = Math.floor(index / columns) * (height * scale + gap);
      for (let y = 0; y < height * scale; y++) {
        for (let x = 0; x < width * scale; x++) {
          const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
          const to = ((top + y) * totalWidth + left + x) * channels;
          for (let channel = 0; channel < channels; channel++)
            sheet[to + channel] = pixels[from + channel] as number;
        }
      }
    }
    return encodePng(totalWidth, totalHeight, channels, sheet);
  }

  get [Symbol.toStringTag](): string {
    return 'ImageGrid';
  }

  private get scale(): number {
    const first = this.#pictures[0] as Picture;
    return this.#options.scale ?? Math.max(1, Math.round(64 / Math.max(first.width, first.height)));
  }

  /** The grid in every form that it has. */
  render(): Rendered {
    const first = this.#pictures[0];
    if (first === undefined) return { data: { 'text/plain': 'no images' }, metadata: {} };
    const { width, height } = first;
    const labels = this.#labels.length === 0 ? '' : `: ${this.#labels.join(', ')}`;
    const left = this.count - this.#pictures.length;
    const more = left > 0 ? ` (and ${left} more, not shown)` : '';
    const noun = this.count === 1 ? 'image' : 'images';
    const text = `${this.#pictures.length} ${noun} of ${width} × ${height} pixels${labels}${more}`;
    const scale = this.scale;
    const figures = this.#pictures.map((picture, index) => {
      const png = base64(encodePng(picture.width, picture.height, picture.channels, picture.pixels));
      const label = this.#labels[index];
      const caption = label === undefined ? '' : `<br>${escapeHtml(label)}`;
      const alt = label === undefined ? `image ${index}` : escapeHtml(label);
      return `<td style="text-align:center;padding:4px"><img src="data:image/png;base64,${png}" width="${width * scale}" height="${height * scale}" style="image-rendering:pixelated" alt="${alt}">${caption}</td>`;
    });
    const columns = this.#options.columns ?? Math.max(1, Math.min(10, Math.floor(760 / (width * scale + 8))));
    const rows: string[] = [];
    for (let start = 0; start < figures.length; start += columns) {
      rows.push(`<tr>${figures.slice(start, start + columns).join('')}</tr>`);
    }
    const note = more === '' ? '' : `<p>${escapeHtml(more.trim())}</p>`;
    return {
      data: {
        'text/plain': text,
        'text/html': `<table>${rows.join('\n')}</table>${note}`,
        'image/png': base64(this.toPng()),
      },
      metadata: {},
    };
  }
}

setRendering(ImageGrid.prototype, function render() {
  return this.render();
});

/**
 * Pictures from a tensor of shape [count, height, width], [count, height, width, channels] (1, 3 or 4 channels) or
 * [height, width], shown as a grid; at most 400 of them. Whole numbers count from 0 to 255, fractions from 0 to 1;
 * where there are other values, the least is drawn black and the greatest white.
 *
 * @param labels captions: an array or tensor, one for each picture; or all options.
 * @throws RangeError for other shapes and for a wrong number of labels.
 */
export function images(tensor: unknown, labels?: Labels | ImagesOptions): ImageGrid {
  if (!isTensorLike(tensor))
    throw new TypeError('images() takes a tensor: tf.tensor(values, [count, height, width])');
  const options: ImagesOptions = labels === undefined ? {} : isLabels(labels) ? { labels } : labels;
  const { count, height, width, channels } = layout(tensor.shape);
  const shown = Math.min(count, MOST);
  const captions = options.labels === undefined ? [] : captionTexts(options.labels, count, shown);
  const size = height * width * channels;
  const part =
    shown === count || tensor.slice === undefined
      ? tensor
      : tensor.slice(
          tensor.shape.map(() => 0),
          [shown, ...tensor.shape.slice(1)],
        );
  try {
    const bytes = toBytes(part.dataSync() as ArrayLike<number>, tensor.dtype, shown * size);
    const pictures = Array.from({ length: shown }, (_, index) => ({
      width,
      height,
      channels,
      pixels: bytes.subarray(index * size, (index + 1) * size),
    }));
    return new ImageGrid(pictures, captions, count, options);
  } finally {
    if (part !== tensor) part.dispose();
  }
}

function isLabels(value: Labels | ImagesOptions): value is Labels {
  return isTensorLike(value) || 'length' in value;
}

function captionTexts(labels: Labels, count: number, shown: number): string[] {
  const values: ArrayLike<string | number> = isTensorLike(labels) ? labels.dataSync() : labels;
  if (values.length !== count) {
    throw new RangeError(`${values.length} labels for ${count} images: give one for each`);
  }
  return Array.from({ length: shown }, (_, index) => String(values[index]));
}

function layout(shape: readonly number[]): {
  count: number;
  height: number;
  width: number;
  channels: 1 | 3 | 4;
} {
  const channels = shape.at(-1);
  const isChannels = channels === 1 || channels === 3 || channels === 4;
  if (shape.length === 4 && isChannels) {
    return { count: shape[0] as number, height: shape[1] as number, width: shape[2] as number, channels };
  }
  if (shape.length === 3 && isChannels && (shape[1] as number) > 4) {
    return { count: 1, height: shape[0] as number, width: shape[1] as number, channels };
  }
  if (shape.length === 3) {
    return { count: shape[0] as number, height: shape[1] as number, width: shape[2] as number, channels: 1 };
  }
  if (shape.length === 2)
    return { count: 1, height: shape[0] as number, width: shape[1] as number, channels: 1 };
  throw new RangeError(
    `a tensor of shape ${shapeText(shape)} is not an image: use .reshape([count, height, width]) or [count, height, width, channels]`,
  );
}

function toBytes(values: ArrayLike<number>, dtype: string, count: number): Uint8Array {
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < count; index++) {
    const value = values[index] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const whole = dtype === 'int32';
  let shift = 0;
  let factor = whole || high > 1 ? 1 : 255;
  if (dtype === 'bool') factor = 255;
  else if (low < 0 || high > 255) {
    shift = low;
    factor = high > low ? 255 / (high - low) : 0;
  }
  const bytes = new Uint8ClampedArray(count);
  for (let index = 0; index < count; index++) bytes[index] = ((values[index] as number) - shift) * factor;
  return new Uint8Array(bytes.buffer);
}
