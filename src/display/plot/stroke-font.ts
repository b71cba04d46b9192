/**
 * A small font for pictures that are drawn without a browser. A glyph is a width and strokes on a grid whose
 * letters stand on line 12 (`c`), reach up to 0 (capitals) or 4 (small letters), and down to 16 (`g`); a point is two
 * digits, x and y, in base 36. `~` makes a stroke round, `o` round and closed.
 */
const GLYPHS: Record<string, readonly [width: number, strokes: string]> = {
  ' ': [3, ''],
  '0': [6, 'o00606c0c'],
  '1': [6, '13303c 1c5c'],
  '2': [6, '~030060660c 0c6c'],
  '3': [6, '~0200606626 ~26666c0c0a'],
  '4': [6, '400868 404c'],
  '5': [6, '501005 ~0534646c0c0a'],
  '6': [6, '~500008 o05656c0c'],
  '7': [6, '00602c'],
  '8': [6, 'o00606606 o06666c0c'],
  '9': [6, 'o00606707 ~646c1c'],
  A: [8, '0c408c 1878'],
  B: [7, '30000c3c 0636 ~30606636 ~36767c3c'],
  C: [7, '~7270000c7c7a'],
  D: [7, '30000c3c ~30707c3c'],
  E: [6, '60000c6c 0656'],
  F: [6, '60000c 0656'],
  G: [7, '~7270000c7c77 7747'],
  H: [7, '000c 707c 0676'],
  I: [2, '101c'],
  J: [5, '~505c0c09'],
  K: [7, '000c 7007 257c'],
  L: [6, '000c6c'],
  M: [9, '0c0048909c'],
  N: [7, '0c007c70'],
  O: [8, 'o00808c0c'],
  P: [7, '0c0040 ~40707646 4606'],
  Q: [8, 'o00808c0c 598d'],
  R: [7, '0c0040 ~40707646 4606 467c'],
  S: [7, '~72700006767c0c0a'],
  T: [8, '0080 404c'],
  U: [7, '~00080c7c7870'],
  V: [8, '004c80'],
  W: [10, '003c507ca0'],
  X: [7, '007c 700c'],
  Y: [8, '004680 464c'],
  Z: [7, '00700c7c'],
  a: [6, 'o04646c0c 646c'],
  b: [6, '000c o04646c0c'],
  c: [6, '~6664040c6c6a'],
  d: [6, '606c o04646c0c'],
  e: [6, '0868 ~6864040c6c6a'],
  f: [4, '~4010141c 0444'],
  g: [6, 'o04646c0c ~646c6g0g0e'],
  h: [6, '000c ~080464686c'],
  i: [2, '141c 1111'],
  j: [3, '~242g0g 2121'],
  k: [6, '000c 5409 276c'],
  l: [2, '101c'],
  m: [10, '040c ~080454585c ~5854a4a8ac'],
  n: [6, '040c ~080464686c'],
  o: [6, 'o04646c0c'],
  p: [6, '040g o04646c0c'],
  q: [6, '646g o04646c0c'],
  r: [4, '040c ~090444'],
  s: [5, '~56540408585c0c0a'],
  t: [4, '~11191c4c 0444'],
  u: [6, '~04080c6c6864 646c'],
  v: [6, '043c64'],
  w: [8, '042c446c84'],
  x: [6, '046c 640c'],
  y: [6, '043c 641g'],
  z: [6, '04640c6c'],
  '.': [2, '1c1c'],
  ',': [2, '1c0e'],
  ':': [2, '1515 1c1c'],
  ';': [2, '1515 1c0e'],
  '-': [5, '0858'],
  '–': [6, '0868'],
  '+': [6, '0868 353b'],
  '=': [6, '0666 0a6a'],
  '/': [6, '0c60'],
  '\\': [6, '006c'],
  '(': [3, '~30030b3e'],
  ')': [3, '~00333b0e'],
  '[': [3, '30000e3e'],
  ']': [3, '00303e0e'],
  '{': [4, '~40202707 ~07272e4e'],
  '}': [4, '~00202747 ~47272e0e'],
  '%': [8, '0c80 o00303404 o58888c5c'],
  _: [6, '0e6e'],
  '"': [3, '0003 3033'],
  "'": [1, '0003'],
  '’': [2, '1003'],
  '`': [2, '0022'],
  '!': [2, '1018 1c1c'],
  '?': [6, '~020060663638 3c3c'],
  '<': [5, '54085c'],
  '>': [5, '04580c'],
  '*': [6, '3137 0266 6206'],
  '#': [7, '201c 605c 0474 0878'],
  '&': [7, '~7c0310404306090c4c77'],
  '@': [9, 'o00909c0c o33636939'],
  '|': [1, '000e'],
  '~': [6, '~09264a68'],
  '^': [6, '033063'],
  $: [7, '~72700006767c0c0a 4040 4e4e'],
  '·': [2, '1717'],
  '×': [6, '056b 650b'],
  '°': [3, 'o00303303'],
  '…': [8, '1c1c 4c4c 7c7c'],
  '→': [8, '0888 5588 5b88'],
  '⚠': [10, '0c50ac0c 5458 5a5a'],
};

/** Drawn for a character that the font lacks. */
const UNKNOWN = [6, '00606c0c00'] as const;

/** Grid lines from the foot of a letter to the top of a capital. */
const CAPITAL = 12;
/** Between two letters. */
const GAP = 3;
/** Height of a capital, as a part of the size of the text. */
const CAPITAL_SHARE = 0.72;

export type Stroke = readonly (readonly [x: number, y: number])[];

const strokesOf = new Map<string, readonly Stroke[]>();

function glyph(character: string): readonly [number, string] {
  return GLYPHS[character] ?? UNKNOWN;
}

/** Cuts corners twice: the curve of Chaikin, a quadratic B-spline. */
function rounded(points: Stroke, closed: boolean): Stroke {
  let line = points;
  for (let round = 0; round < 2; round++) {
    const cut: [number, number][] = [];
    const last = closed ? line.length : line.length - 1;
    for (let at = 0; at < last; at++) {
      const [x, y] = line[at] as [number, number];
      const [u, v] = line[(at + 1) % line.length] as [number, number];
      cut.push([0.75 * x + 0.25 * u, 0.75 * y + 0.25 * v], [0.25 * x + 0.75 * u, 0.25 * y + 0.75 * v]);
    }
    if (!closed) {
      cut[0] = line[0] as [number, number];
      cut[cut.length - 1] = line.at(-1) as [number, number];
    }
    line = cut;
  }
  return closed ? [...line, line[0] as [number, number]] : line;
}

function strokes(character: string): readonly Stroke[] {
  const known = strokesOf.get(character);
  if (known !== undefined) return known;
  const made = glyph(character)[1]
    .split(' ')
    .filter((stroke) => stroke !== '')
    .map((stroke) => {
      const shape = /^[~o]/.exec(stroke)?.[0];
      const digits = shape === undefined ? stroke : stroke.slice(1);
      const points: Stroke = Array.from({ length: digits.length / 2 }, (_, at) => [
        Number.parseInt(digits[2 * at] as string, 36),
        Number.parseInt(digits[2 * at + 1] as string, 36),
      ]);
      return shape === undefined ? points : rounded(points, shape === 'o');
    });
  strokesOf.set(character, made);
  return made;
}

/** How wide a text of this size is, in the same unit. */
export function textWidth(text: string, size: number): number {
  const unit = (size * CAPITAL_SHARE) / CAPITAL;
  const width = Array.from(text).reduce((sum, character) => sum + glyph(character)[0] + GAP, -GAP);
  return Math.max(0, width) * unit;
}

/** The strokes of a text that begins at `x` and stands on `y`. */
export function textStrokes(text: string, x: number, y: number, size: number): Stroke[] {
  const unit = (size * CAPITAL_SHARE) / CAPITAL;
  const all: Stroke[] = [];
  let left = x;
  for (const character of text) {
    for (const stroke of strokes(character)) {
      all.push(stroke.map(([u, v]) => [left + u * unit, y + (v - CAPITAL) * unit] as const));
    }
    left += (glyph(character)[0] + GAP) * unit;
  }
  return all;
}
