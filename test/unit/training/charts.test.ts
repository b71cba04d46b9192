/**
 * The final display of a training, compared with the recorded ones: charts/*.golden.*. A change that is
 * meant writes them anew: TENSORCELL_GOLDENS=write npx jest test/unit/training/charts
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { PixelPen } from '../../../src/display/plot/pixel-pen.ts';
import { textStrokes, textWidth } from '../../../src/display/plot/stroke-font.ts';
import { TrainingRecord } from '../../../src/training/record.ts';
import { finalBundle, liveHtml } from '../../../src/training/training-view.ts';

const folder = join(__dirname, 'charts');

/** The golden text, or what was made now where goldens are to be written. */
function golden(name: string, made: string | Buffer): Buffer {
  const path = join(folder, name);
  if (process.env['TENSORCELL_GOLDENS'] === 'write') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, made);
  }
  return readFileSync(path);
}

interface Picture {
  width: number;
  height: number;
  pixels: Buffer;
}

/** Pixels of a PNG of red, green and blue without filters, as ours are. */
function decode(png: Buffer): Picture {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001A\n');
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  expect([...png.subarray(24, 29)]).toEqual([8, 2, 0, 0, 0]);
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const rows = inflateSync(Buffer.concat(data));
  const stride = 3 * width + 1;
  expect(rows.length).toBe(stride * height);
  const pixels = Buffer.concat(
    Array.from({ length: height }, (_, row) => {
      expect(rows[row * stride]).toBe(0);
      return rows.subarray(row * stride + 1, (row + 1) * stride);
    }),
  );
  return { width, height, pixels };
}

function colourAt({ width, pixels }: Picture, x: number, y: number): number[] {
  return [...pixels.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

/** Two metrics with validation over four epochs, the last without a number. */
function training(): TrainingRecord {
  const record = new TrainingRecord({ epochs: 4, steps: 2, now: 0 });
  const losses = [2, 1, 0.75, Number.NaN];
  for (const [epoch, loss] of losses.entries()) {
    record.beginEpoch(epoch, epoch * 1000);
    for (const step of [0, 1]) {
      record.endStep();
      record.sample({ loss: loss + 0.125 * step, acc: 0.5 + 0.125 * epoch }, epoch * 1000 + step * 500);
    }
    record.endEpoch(
      { val_loss: loss * 1.25, val_acc: 0.5 + 0.0625 * epoch, loss, acc: 0.5 + 0.125 * epoch },
      epoch * 1000 + 1000,
    );
  }
  record.notes.push('The loss is NaN in epoch 4, step 1: all weights are still finite.');
  record.end('finished', 4000);
  return record;
}

const { data, metadata } = finalBundle(training());

test('in words', () => {
  expect(data['text/plain']).toBe(golden('finished.golden.txt', String(data['text/plain'])).toString());
});

test('as SVG', () => {
  expect(data['image/svg+xml']).toBe(golden('finished.golden.svg', String(data['image/svg+xml'])).toString());
});

test('as Vega-Lite, with a description, and validation told apart by dashes too', () => {
  const made = data['application/vnd.vegalite.v5+json'];
  const text = `${JSON.stringify(made, null, 1)}\n`;
  expect(text).toBe(golden('finished.golden.json', text).toString());
  expect(made).toMatchObject({
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    description:
      'Training over 4 of 4 epochs: loss from 2.000 to NaN, validation NaN; acc from 0.5000 to 0.8750, validation 0.6875',
  });
  expect(text).toContain('"strokeDash"');
});

test('as PNG: the same picture at twice the size', () => {
  const png = Buffer.from(String(data['image/png']), 'base64');
  const made = decode(png);
  const expected = decode(golden('finished.golden.png', png));
  // Two panels of 340 × 200 below two lines of heading.
  expect([made.width, made.height]).toEqual([1360, 478]);
  expect(metadata).toEqual({ 'image/png': { width: 680, height: 239 } });
  expect([expected.width, expected.height]).toEqual([1360, 478]);
  expect(made.pixels.equals(expected.pixels)).toBe(true);
});

test('PNG and SVG have marks in the same places', () => {
  const picture = decode(Buffer.from(String(data['image/png']), 'base64'));
  const svg = String(data['image/svg+xml']);
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="2.5" fill="#0072b2"/g)];
  const squares = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="5" height="5" fill="#d55e00"/g)];
  // The loss has three epochs that are numbers, the accuracy four.
  expect([circles.length, squares.length]).toEqual([7, 7]);
  for (const [, x, y] of squares)
    expect(colourAt(picture, Math.round(2 * Number(x) + 5), Math.round(2 * Number(y) + 5))).toEqual([
      0xd5, 0x5e, 0x00,
    ]);
  // Circles may lie under squares: the first epoch's accuracy is that of its validation.
  const own = circles.filter(([, x, y]) => {
    const [red, green, blue] = colourAt(picture, Math.round(2 * Number(x)), Math.round(2 * Number(y)));
    return red === 0 && green === 0x72 && blue === 0xb2;
  });
  expect(own).toHaveLength(6);
});

test('the live form', () => {
  const record = new TrainingRecord({ epochs: 2, steps: 4, now: 0 });
  record.beginEpoch(0, 0);
  for (const loss of [4, 2]) {
    record.endStep();
    record.sample({ loss }, record.step * 500);
  }
  const html = liveHtml(record, 1000);
  expect(html).toBe(golden('live.golden.html', html).toString());
});

describe('the pen of pixels', () => {
  test('lines of one pixel on pixel borders', () => {
    const pen = new PixelPen(4, 3, { scale: 1, paper: '#ffffff' });
    pen.line(
      [
        [0, 1.5],
        [4, 1.5],
      ],
      { colour: '#000000', width: 1 },
    );
    const greys = Array.from({ length: 12 }, (_, at) => pen.pixels[3 * at]);
    expect(greys).toEqual([255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255]);
  });

  test('half a pixel is half covered, and opacity is put on once where a line meets itself', () => {
    const pen = new PixelPen(3, 1, { scale: 1, paper: '#ffffff' });
    pen.rect(0.5, 0, 1, 1, '#000000');
    expect([pen.pixels[0], pen.pixels[3], pen.pixels[6]]).toEqual([128, 128, 255]);
    const crossed = new PixelPen(5, 5, { scale: 1, paper: '#ffffff' });
    crossed.line(
      [
        [0, 2.5],
        [5, 2.5],
        [0, 2.5],
      ],
      { colour: '#000000', width: 1, opacity: 0.5 },
    );
    expect(crossed.pixels[3 * 12]).toBe(128);
  });

  test('dashes leave gaps, also over a corner', () => {
    const pen = new PixelPen(12, 12, { scale: 1, paper: '#ffffff' });
    pen.line(
      [
        [0.5, 0.5],
        [8.5, 0.5],
        [8.5, 11.5],
      ],
      { colour: '#000000', width: 1, dash: [4, 4] },
    );
    const dark = (x: number, y: number): boolean => (pen.pixels[3 * (y * 12 + x)] as number) < 100;
    expect([0, 1, 2, 3, 5, 6, 7].map((x) => dark(x, 0))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([1, 2, 3, 5, 6, 7].map((y) => dark(8, y))).toEqual([true, true, true, false, false, false]);
  });

  test('parts outside the picture are left out', () => {
    const pen = new PixelPen(2, 2, { scale: 1, paper: '#ffffff' });
    pen.circle(-5, -5, 3, '#000000');
    pen.rect(1, 1, 50, 50, '#000000');
    pen.line(
      [
        [-10, 0.5],
        [-5, 0.5],
      ],
      { colour: '#000000', width: 1 },
    );
    expect([...pen.pixels]).toEqual([255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0]);
  });

  test('colours have six digits', () => {
    expect(() => new PixelPen(1, 1, { scale: 1, paper: 'white' })).toThrow(
      "'white' is no colour of six hexadecimal digits, as in '#0072b2'",
    );
  });
});

test('every character that a training writes has a glyph, and no stroke leaves its line', () => {
  const written = Array.from({ length: 95 }, (_, at) => String.fromCodePoint(32 + at)).join('') + '·⚠×°–’…→';
  const box = JSON.stringify(textStrokes('\u4E00', 0, 0, 11));
  for (const character of written) {
    const strokes = textStrokes(character, 0, 0, 11);
    expect([character, JSON.stringify(strokes)]).not.toEqual([character, box]);
    for (const [x, y] of strokes.flat()) {
      expect([character, Number.isFinite(x), Number.isFinite(y)]).toEqual([character, true, true]);
      expect([character, x >= 0 && x <= textWidth(character, 11) + 1e-9, y >= -8 && y <= 3]).toEqual([
        character,
        true,
        true,
      ]);
    }
  }
  expect(textWidth('', 11)).toBe(0);
  expect(textWidth('loss', 22)).toBeCloseTo(2 * textWidth('loss', 11));
});
