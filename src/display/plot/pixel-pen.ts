import { encodePng } from '../png.ts';
import { TEXT_SIZE } from './pen.ts';
import type { LineLook, Pen, TextLook } from './pen.ts';
import { textStrokes, textWidth } from './stroke-font.ts';
import type { Stroke } from './stroke-font.ts';

type Colour = readonly [red: number, green: number, blue: number];

/** `#0072b2`. @throws RangeError for anything else. */
function parseColour(colour: string): Colour {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (digits === null)
    throw new RangeError(`'${colour}' is no colour of six hexadecimal digits, as in '#0072b2'`);
  const part = (at: number): number => Number.parseInt(digits[at] as string, 16);
  return [part(1), part(2), part(3)];
}

/** Draws pixels with smooth edges, for front ends that show no SVG. No browser and no library is needed. */
export class PixelPen implements Pen {
  readonly width: number;
  readonly height: number;
  /** Rows from the top, red, green and blue interleaved. */
  readonly pixels: Uint8Array;
  readonly #scale: number;
  /** How much of each pixel the shape that is being drawn covers. */
  readonly #cover: Float32Array;
  /** The part of the picture in which it covers any. */
  #left: number;
  #top: number;
  #right = 0;
  #bottom = 0;

  /** Width and height in the chart's own pixels, each of which becomes `scale` × `scale` of the picture's. */
  constructor(width: number, height: number, options: { scale: number; paper: string }) {
    this.#scale = options.scale;
    this.width = Math.round(width * options.scale);
    this.height = Math.round(height * options.scale);
    this.#cover = new Float32Array(this.width * this.height);
    this.#left = this.width;
    this.#top = this.height;
    this.pixels = new Uint8Array(
      Buffer.alloc(3 * this.width * this.height, Uint8Array.from(parseColour(options.paper))),
    );
  }

  line(points: Stroke, look: LineLook): void {
    const lines = look.dash === undefined ? [points] : dashes(points, look.dash);
    this.#strokes(lines, look.width, parseColour(look.colour), look.opacity ?? 1);
  }

  rect(x: number, y: number, width: number, height: number, colour: string): void {
    const [left, top, right, bottom] = [x, y, x + width, y + height].map((side) => side * this.#scale) as [
      number,
      number,
      number,
      number,
    ];
    // The part of pixel `at` between two sides.
    const part = (at: number, from: number, to: number): number =>
      Math.max(0, Math.min(at + 1, to) - Math.max(at, from));
    this.#fill(left, top, right, bottom, parseColour(colour), 1, (u, v) => {
      return part(u - 0.5, left, right) * part(v - 0.5, top, bottom);
    });
  }

  circle(x: number, y: number, radius: number, colour: string): void {
    const [cx, cy, r] = [x * this.#scale, y * this.#scale, radius * this.#scale];
    this.#fill(cx - r - 1, cy - r - 1, cx + r + 1, cy + r + 1, parseColour(colour), 1, (u, v) =>
      Math.min(1, Math.max(0, r + 0.5 - Math.hypot(u - cx, v - cy))),
    );
  }

  text(x: number, y: number, text: string, look: TextLook): void {
    const size = look.size ?? TEXT_SIZE;
    const width = textWidth(text, size);
    const left = x - (look.anchor === 'end' ? width : look.anchor === 'middle' ? width / 2 : 0);
    const weight = (look.bold === true ? 0.155 : 0.1) * size;
    const flat = textStrokes(text, left, y, size);
    const strokes =
      look.upwards === true
        ? flat.map((stroke) => stroke.map(([u, v]) => [x + (v - y), y - (u - x)] as const))
        : flat;
    this.#strokes(strokes, weight, parseColour(look.colour), 1);
  }

  /** The picture as a PNG file. */
  toPng(): Buffer {
    return encodePng(this.width, this.height, 3, this.pixels);
  }

  /** Lines with round ends. Where they overlap, the colour is applied once. */
  #strokes(lines: readonly Stroke[], lineWidth: number, colour: Colour, opacity: number): void {
    const scale = this.#scale;
    const half = Math.max(0.5, (lineWidth * scale) / 2);
    for (const line of lines) {
      for (let at = 0; at + 1 < line.length; at++) {
        const a = line[at] as readonly [number, number];
        const b = line[at + 1] as readonly [number, number];
        this.#coverSegment(a[0] * scale, a[1] * scale, b[0] * scale, b[1] * scale, half);
      }
    }
    const cover = this.#cover;
    for (let y = this.#top; y < this.#bottom; y++) {
      for (let at = y * this.width + this.#left; at < y * this.width + this.#right; at++) {
        const share = cover[at] as number;
        if (share === 0) continue;
        cover[at] = 0;
        this.#blend(at, colour, share * opacity);
      }
    }
    this.#left = this.width;
    this.#top = this.height;
    this.#right = 0;
    this.#bottom = 0;
  }

  /** Most of a picture's time is spent in here: no arrays, and no Math.hypot, which takes ten times as long. */
  #coverSegment(ax: number, ay: number, bx: number, by: number, half: number): void {
    const cover = this.#cover;
    const reach = half + 0.5;
    const x0 = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
    const x1 = Math.min(this.width, Math.ceil(Math.max(ax, bx) + reach));
    const y0 = Math.max(0, Math.floor(Math.min(ay, by) - reach));
    const y1 = Math.min(this.height, Math.ceil(Math.max(ay, by) + reach));
    const dx = bx - ax;
    const dy = by - ay;
    const square = dx * dx + dy * dy;
    for (let y = y0; y < y1; y++) {
      const v = y + 0.5 - ay;
      for (let x = x0; x < x1; x++) {
        const u = x + 0.5 - ax;
        const along = square === 0 ? 0 : Math.min(1, Math.max(0, (u * dx + v * dy) / square));
        const across = u - along * dx;
        const down = v - along * dy;
        const distance = across * across + down * down;
        if (distance >= reach * reach) continue;
        const share = Math.min(1, reach - Math.sqrt(distance));
        const at = y * this.width + x;
        if (share > (cover[at] as number)) cover[at] = share;
      }
    }
    this.#left = Math.min(this.#left, x0);
    this.#top = Math.min(this.#top, y0);
    this.#right = Math.max(this.#right, x1);
    this.#bottom = Math.max(this.#bottom, y1);
  }

  #fill(
    left: number,
    top: number,
    right: number,
    bottom: number,
    colour: Colour,
    opacity: number,
    share: (x: number, y: number) => number,
  ): void {
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(this.height, Math.ceil(bottom)); y++) {
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(this.width, Math.ceil(right)); x++) {
        this.#blend(y * this.width + x, colour, opacity * share(x + 0.5, y + 0.5));
      }
    }
  }

  #blend(pixel: number, colour: Colour, share: number): void {
    const { pixels } = this;
    for (let channel = 0; channel < 3; channel++) {
      const at = 3 * pixel + channel;
      const before = pixels[at] as number;
      pixels[at] = before + ((colour[channel] as number) - before) * share + 0.5;
    }
  }
}

/** The pieces of a line that are drawn. */
function dashes(points: Stroke, [drawn, left]: readonly [number, number]): Stroke[] {
  const pieces: [number, number][][] = [];
  let on = true;
  let rest = drawn;
  let piece: [number, number][] = [];
  for (let at = 0; at + 1 < points.length; at++) {
    const [ax, ay] = points[at] as [number, number];
    const [bx, by] = points[at + 1] as [number, number];
    const length = Math.hypot(bx - ax, by - ay);
    let gone = 0;
    if (on && piece.length === 0) piece.push([ax, ay]);
    while (length - gone > rest) {
      gone += rest;
      const place: [number, number] = [ax + ((bx - ax) * gone) / length, ay + ((by - ay) * gone) / length];
      if (on) {
        pieces.push([...piece, place]);
        piece = [];
      } else piece = [place];
      on = !on;
      rest = on ? drawn : left;
    }
    rest -= length - gone;
    if (on) piece.push([bx, by]);
  }
  if (piece.length > 1) pieces.push(piece);
  return pieces;
}
