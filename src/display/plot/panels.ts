import { metricText } from '../../base/text/numbers.ts';
import type { Rendered } from '../rendered.ts';
import type { Pen } from './pen.ts';
import { PixelPen } from './pixel-pen.ts';
import { textWidth } from './stroke-font.ts';
import { SvgPen } from './svg-pen.ts';

export interface Line {
  /** Named in the legend; a line without a label is not in it. */
  label?: string;
  points: readonly (readonly [x: number, y: number])[];
  colour: string;
  dashed?: boolean;
  /** Single steps: thin and pale, without label and marks. */
  faint?: boolean;
  /** Whether points have marks, where they are few. Default: true. */
  marks?: boolean;
}

export interface Bar {
  from: number;
  to: number;
  count: number;
}

export interface Panel {
  title?: string;
  lines: readonly Line[];
  /** The bars of a histogram, and their colour. */
  bars?: { values: readonly Bar[]; colour: string };
  xLabel?: string;
  yLabel?: string;
  xRange: readonly [low: number, high: number];
  /** Default: the values of the lines, from 0 where that does not flatten them. */
  yRange?: readonly [low: number, high: number];
  /** Only whole numbers are ticks of the horizontal axis, as for epochs. */
  xWhole?: boolean;
  /** The same for the vertical axis, as for counts. */
  yWhole?: boolean;
}

/** Pixels of one panel. */
export interface PanelSize {
  width: number;
  height: number;
  /** Panels in a row. Default: all of them. */
  columns?: number;
}

/** A grey with enough contrast on white and on black, for pictures that paint no ground. */
export const INK = '#767676';

const DEFAULT_SIZE: PanelSize = { width: 340, height: 200 };
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

interface PlacedPanel {
  x(value: number): number;
  y(value: number): number;
  xTicks: number[];
  yTicks: number[];
  plot: { left: number; top: number; right: number; bottom: number };
}

/** The range of the vertical axis where a panel names none. */
function rangeOf(lines: readonly Line[]): readonly [number, number] {
  const values = lines.flatMap((line) => line.points.map(([, value]) => value)).filter(Number.isFinite);
  const low = values.length === 0 ? 0 : Math.min(...values);
  const high = values.length === 0 ? 1 : Math.max(...values);
  if (low === high) {
    const margin = Math.abs(low) * 0.1 || 0.5;
    return [low - margin, high + margin];
  }
  // Losses read best against zero, unless that would flatten them.
  return [low > 0 && low < high * 0.5 ? 0 : low, high];
}

/** Places axes, ticks and values of a panel. */
function placePanel(panel: Panel, size: PanelSize, left: number, top: number): PlacedPanel {
  const [low, high] = panel.yRange ?? rangeOf(panel.lines);
  const plot = {
    left: left + LEFT,
    right: left + size.width - RIGHT,
    top: top + TOP,
    bottom: top + size.height - BOTTOM,
  };
  const [from, to] = panel.xRange;
  const xTicks = ticks(from, to, 5);
  const yTicks = ticks(low, high);
  return {
    x: (value) => plot.left + ((value - from) / (to - from || 1)) * (plot.right - plot.left),
    y: (value) => plot.bottom - ((value - low) / (high - low || 1)) * (plot.bottom - plot.top),
    xTicks: panel.xWhole === true ? xTicks.filter((tick) => Number.isInteger(tick)) : xTicks,
    yTicks: panel.yWhole === true ? yTicks.filter((tick) => Number.isInteger(tick)) : yTicks,
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
  /** Text above the panels; broken into lines where it is too long. */
  heading?: string;
  /** Default: 340 by 200 pixels, all panels in a row. */
  size?: PanelSize;
}

const HEADING_SIZE = 12;
const HEADING_LINE = 17;
/** Pixels of the PNG for one of the chart: sharp on screens of high density too. */
const PNG_SCALE = 2;

interface Layout {
  panel: PanelSize;
  columns: number;
  width: number;
  height: number;
  heading: string[];
  /** Where the panels begin. */
  top: number;
}

function layOut(panels: readonly Panel[], options: ChartOptions): Layout {
  const { size: panel = DEFAULT_SIZE } = options;
  const columns = Math.max(1, Math.min(panel.columns ?? panels.length, panels.length));
  const width = panel.width * columns;
  const heading = options.heading === undefined ? [] : brokenLines(options.heading, width - 16);
  const top = heading.length === 0 ? 0 : heading.length * HEADING_LINE + 5;
  return {
    panel,
    columns,
    width,
    height: panel.height * Math.ceil(panels.length / columns) + top,
    heading,
    top,
  };
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
    const { panel: size, columns } = layout;
    const left = (index % columns) * size.width;
    const top = layout.top + Math.floor(index / columns) * size.height;
    drawPanel(pen, panel, placePanel(panel, size, left, top), ink);
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
  if (panel.title !== undefined) pen.text(plot.left, plot.top - 12, panel.title, { colour: ink, bold: true });
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
    pen.text(at.x(tick), plot.bottom + 14, tickText(tick), { colour: ink, anchor: 'middle' });
  }
  pen.line(
    [
      [plot.left, plot.bottom],
      [plot.right, plot.bottom],
    ],
    { colour: ink, width: 1, opacity: 0.5 },
  );
  if (panel.xLabel !== undefined) {
    pen.text((plot.left + plot.right) / 2, plot.bottom + 28, panel.xLabel, { colour: ink, anchor: 'middle' });
  }
  if (panel.yLabel !== undefined) {
    const look = { colour: ink, anchor: 'middle', upwards: true } as const;
    pen.text(plot.left - LEFT + 10, (plot.top + plot.bottom) / 2, panel.yLabel, look);
  }
  for (const bar of panel.bars?.values ?? []) {
    if (bar.count === 0) continue;
    const start = at.x(bar.from);
    const height = plot.bottom - at.y(bar.count);
    const width = Math.max(0.5, at.x(bar.to) - start - 0.5);
    pen.rect(start, plot.bottom - height, width, height, panel.bars?.colour ?? ink);
  }
  for (const line of panel.lines) drawLine(pen, line, at);
}

const DASH = [4, 3] as const;

/** Labels at the right of the title, each after a piece of its line. */
function drawLegend(pen: Pen, panel: Panel, right: number, y: number, ink: string): void {
  let x = right;
  for (const line of panel.lines.toReversed()) {
    if (line.faint === true || line.label === undefined) continue;
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
  if (line.faint === true || line.marks === false || points.length > MOST_MARKS) return;
  for (const [x, y] of points) {
    if (line.dashed === true) pen.rect(x - 2.5, y - 2.5, 5, 5, colour);
    else pen.circle(x, y, 2.5, colour);
  }
}

function tickText(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? metricText(value) : String(value);
}
