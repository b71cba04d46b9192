import type { Rendered } from '../../display/index.ts';
import type { Point } from '../record.ts';
import { metricText } from '../wording.ts';
import { SvgPen } from './pen.ts';
import type { Pen } from './pen.ts';
import { PixelPen } from './pixel-pen.ts';
import { textWidth } from './stroke-font.ts';

export interface Line {
  /** Shown at the end of the line. */
  label: string;
  points: readonly Point[];
  colour: string;
  dashed?: boolean;
  /** Single steps: thin and pale, without label. */
  faint?: boolean;
}

export interface Panel {
  title: string;
  lines: readonly Line[];
  xLabel: string;
  xRange: readonly [number, number];
}

/** Blue and vermilion of Okabe and Ito's palette: told apart with every kind of colour vision. */
export const TRAINING_COLOUR = '#0072b2';
export const VALIDATION_COLOUR = '#d55e00';

const PANEL_WIDTH = 340;
const PANEL_HEIGHT = 200;
const LEFT = 48;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 34;

/** Round numbers, at most `count` + 2 of them, that cover a range. */
export function ticks(low: number, high: number, count = 4): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10]
    .map((factor) => factor * power)
    .find((size) => size >= rough * 0.999) as number;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

export interface PlacedPanel {
  title: string;
  xLabel: string;
  x(value: number): number;
  y(value: number): number;
  xTicks: number[];
  yTicks: number[];
  plot: { left: number; top: number; right: number; bottom: number };
}

/** Where everything of a panel goes. */
function placePanel(panel: Panel, left: number, top: number): PlacedPanel {
  const values = panel.lines.flatMap((line) => line.points.map(([, value]) => value)).filter(Number.isFinite);
  let low = values.length === 0 ? 0 : Math.min(...values);
  let high = values.length === 0 ? 1 : Math.max(...values);
  if (low === high) {
    const margin = Math.abs(low) * 0.1 || 0.5;
    low -= margin;
    high += margin;
  }
  // Losses read best against zero, unless that would flatten them.
  if (low > 0 && low < high * 0.5) low = 0;
  const plot = {
    left: left + LEFT,
    right: left + PANEL_WIDTH - RIGHT,
    top: top + TOP,
    bottom: top + PANEL_HEIGHT - BOTTOM,
  };
  const [from, to] = panel.xRange;
  return {
    title: panel.title,
    xLabel: panel.xLabel,
    x: (value) => plot.left + ((value - from) / (to - from || 1)) * (plot.right - plot.left),
    y: (value) => plot.bottom - ((value - low) / (high - low)) * (plot.bottom - plot.top),
    xTicks: ticks(from, to, 5).filter((tick) => Number.isInteger(tick)),
    yTicks: ticks(low, high),
    plot,
  };
}

export interface ChartOptions {
  /** Colour of axes and text. */
  ink: string;
  /** Colour of the ground; without it the picture is transparent. */
  paper?: string;
  /** The chart in words. */
  description: string;
  /** Said above the panels; broken into lines where it is too long. */
  heading?: string;
}

const HEADING_SIZE = 12;
const HEADING_LINE = 17;
/** Pixels of the PNG for one of the chart: sharp on screens of high density too. */
const PNG_SCALE = 2;

interface Layout {
  width: number;
  height: number;
  heading: string[];
  /** Where the panels begin. */
  top: number;
}

function layOut(panels: readonly Panel[], options: ChartOptions): Layout {
  const width = PANEL_WIDTH * panels.length;
  const heading = options.heading === undefined ? [] : brokenLines(options.heading, width - 16);
  const top = heading.length === 0 ? 0 : heading.length * HEADING_LINE + 5;
  return { width, height: PANEL_HEIGHT + top, heading, top };
}

/** Words in lines that are no wider than `width`, as far as words allow. */
function brokenLines(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && textWidth(longer, HEADING_SIZE) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function draw(pen: Pen, panels: readonly Panel[], layout: Layout, ink: string): void {
  for (const [index, line] of layout.heading.entries()) {
    pen.text(8, 16 + index * HEADING_LINE, line, { colour: ink, size: HEADING_SIZE });
  }
  for (const [index, panel] of panels.entries()) {
    drawPanel(pen, panel, placePanel(panel, index * PANEL_WIDTH, layout.top), ink);
  }
}

/**
 * Panels side by side as one SVG picture, made of presentation attributes only: sanitizers strip style, script and
 * ids.
 */
export function chartSvg(panels: readonly Panel[], options: ChartOptions): string {
  const layout = layOut(panels, options);
  const pen = new SvgPen();
  if (options.paper !== undefined) pen.rect(0, 0, layout.width, layout.height, options.paper);
  draw(pen, panels, layout, options.ink);
  return pen.toString(layout.width, layout.height, options.description);
}

/** The same picture as a PNG, base64, with the size at which front ends should show it. */
export function chartPng(panels: readonly Panel[], options: ChartOptions): Rendered {
  const layout = layOut(panels, options);
  const { width, height } = layout;
  const pen = new PixelPen(width, height, { scale: PNG_SCALE, paper: options.paper ?? '#ffffff' });
  draw(pen, panels, layout, options.ink);
  return {
    data: { 'image/png': pen.toPng().toString('base64') },
    metadata: { 'image/png': { width, height } },
  };
}

function drawPanel(pen: Pen, panel: Panel, at: PlacedPanel, ink: string): void {
  const { plot } = at;
  pen.text(plot.left, plot.top - 12, panel.title, { colour: ink, bold: true });
  drawLegend(pen, panel, plot.right, plot.top - 12, ink);
  for (const tick of at.yTicks) {
    const y = at.y(tick);
    pen.line(
      [
        [plot.left, y],
        [plot.right, y],
      ],
      { colour: ink, width: 1, opacity: 0.15 },
    );
    pen.text(plot.left - 5, y + 4, tickText(tick), { colour: ink, anchor: 'end' });
  }
  for (const tick of at.xTicks) {
    pen.text(at.x(tick), plot.bottom + 14, String(tick), { colour: ink, anchor: 'middle' });
  }
  pen.line(
    [
      [plot.left, plot.bottom],
      [plot.right, plot.bottom],
    ],
    { colour: ink, width: 1, opacity: 0.5 },
  );
  pen.text((plot.left + plot.right) / 2, plot.bottom + 28, panel.xLabel, { colour: ink, anchor: 'middle' });
  for (const line of panel.lines) drawLine(pen, line, at);
}

const DASH = [4, 3] as const;

/** Labels at the right of the title, each after a piece of its line. */
function drawLegend(pen: Pen, panel: Panel, right: number, y: number, ink: string): void {
  let x = right;
  for (const line of panel.lines.toReversed()) {
    if (line.faint === true) continue;
    pen.text(x, y, line.label, { colour: ink, anchor: 'end' });
    x -= textWidth(line.label, 11) + 6;
    pen.line(
      [
        [x - 18, y - 4],
        [x, y - 4],
      ],
      { colour: line.colour, width: 2, ...(line.dashed === true ? { dash: DASH } : {}) },
    );
    x -= 28;
  }
}

/** Up to so many points have a mark each. */
const MOST_MARKS = 60;

function drawLine(pen: Pen, line: Line, at: PlacedPanel): void {
  const points = line.points
    .filter(([, value]) => Number.isFinite(value))
    .map(([x, y]) => [at.x(x), at.y(y)] as const);
  if (points.length === 0) return;
  const { colour } = line;
  if (points.length > 1) {
    pen.line(
      points,
      line.faint === true
        ? { colour, width: 1, opacity: 0.45 }
        : { colour, width: 2, ...(line.dashed === true ? { dash: DASH } : {}) },
    );
  }
  if (line.faint === true || points.length > MOST_MARKS) return;
  for (const [x, y] of points) {
    if (line.dashed === true) pen.rect(x - 2.5, y - 2.5, 5, 5, colour);
    else pen.circle(x, y, 2.5, colour);
  }
}

function tickText(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? metricText(value) : String(value);
}
