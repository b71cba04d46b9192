import { escapeHtml } from '../display/html.ts';
import type { Point } from './record.ts';
import { metricText } from './wording.ts';

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

export const PANEL_WIDTH = 340;
export const PANEL_HEIGHT = 200;
const LEFT = 48;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 34;

/** Round numbers, at most `count` + 2 of them, that cover a range. */
export function ticks(low: number, high: number, count = 4): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) as number;
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

/** Where everything of a panel goes; shared by the SVG and the PNG form. */
export function placePanel(panel: Panel, left: number): PlacedPanel {
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
    top: TOP,
    bottom: PANEL_HEIGHT - BOTTOM,
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

function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/**
 * Panels side by side as one SVG picture, made of presentation attributes only: sanitizers strip style, script and
 * ids. `ink` is the colour of axes and text, `paper` that of the ground (none: transparent).
 */
export function chartSvg(
  panels: readonly Panel[],
  options: { ink: string; paper?: string; description: string; heading?: string },
): string {
  const width = PANEL_WIDTH * panels.length;
  const shift = options.heading === undefined ? 0 : 22;
  const height = PANEL_HEIGHT + shift;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(options.description)}" font-family="sans-serif" font-size="11">`,
    `<title>${escapeHtml(options.description)}</title>`,
  ];
  if (options.paper !== undefined) {
    parts.push(`<rect width="${width}" height="${height}" fill="${escapeHtml(options.paper)}"/>`);
  }
  if (options.heading !== undefined) {
    parts.push(
      `<text x="8" y="16" font-size="12" fill="${escapeHtml(options.ink)}">${escapeHtml(options.heading)}</text>`,
    );
  }
  parts.push(`<g transform="translate(0 ${shift})">`);
  for (const [index, panel] of panels.entries())
    parts.push(panelSvg(panel, index * PANEL_WIDTH, options.ink));
  parts.push('</g></svg>');
  return parts.join('');
}

function panelSvg(panel: Panel, left: number, inkColour: string): string {
  const at = placePanel(panel, left);
  const ink = escapeHtml(inkColour);
  const { plot } = at;
  const grid = at.yTicks.map((tick) => {
    const y = number(at.y(tick));
    return (
      `<line x1="${plot.left}" x2="${plot.right}" y1="${y}" y2="${y}" stroke="${ink}" stroke-opacity="0.15"/>` +
      `<text x="${plot.left - 5}" y="${number(at.y(tick) + 4)}" text-anchor="end" fill="${ink}">${tickText(tick)}</text>`
    );
  });
  const axis = at.xTicks.map(
    (tick) =>
      `<text x="${number(at.x(tick))}" y="${plot.bottom + 14}" text-anchor="middle" fill="${ink}">${tick}</text>`,
  );
  return [
    `<text x="${plot.left}" y="14" font-weight="bold" fill="${ink}">${escapeHtml(panel.title)}</text>`,
    legend(panel, plot.right, ink),
    ...grid,
    ...axis,
    `<line x1="${plot.left}" x2="${plot.right}" y1="${plot.bottom}" y2="${plot.bottom}" stroke="${ink}" stroke-opacity="0.5"/>`,
    `<text x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 28}" text-anchor="middle" fill="${ink}">${escapeHtml(panel.xLabel)}</text>`,
    ...panel.lines.map((line) => lineSvg(line, at)),
  ].join('');
}

/** Labels at the right of the title, each after a piece of its line. */
function legend(panel: Panel, right: number, ink: string): string {
  let x = right;
  const parts: string[] = [];
  for (const line of panel.lines.toReversed()) {
    if (line.faint === true) continue;
    parts.push(
      `<text x="${number(x)}" y="14" text-anchor="end" fill="${ink}">${escapeHtml(line.label)}</text>`,
    );
    x -= line.label.length * 6 + 4;
    parts.push(
      `<line x1="${number(x - 18)}" x2="${number(x)}" y1="10" y2="10" stroke="${escapeHtml(line.colour)}" stroke-width="2"${line.dashed === true ? ' stroke-dasharray="4 3"' : ''}/>`,
    );
    x -= 26;
  }
  return parts.join('');
}

function lineSvg(line: Line, at: PlacedPanel): string {
  const points = line.points.filter(([, value]) => Number.isFinite(value));
  if (points.length === 0) return '';
  const colour = escapeHtml(line.colour);
  const path = points.map(([x, y]) => `${number(at.x(x))},${number(at.y(y))}`).join(' ');
  const look =
    line.faint === true
      ? 'stroke-width="1" stroke-opacity="0.45"'
      : 'stroke-width="2" stroke-linejoin="round"';
  const dash = line.dashed === true ? ' stroke-dasharray="4 3"' : '';
  const parts = [`<polyline points="${path}" fill="none" stroke="${colour}" ${look}${dash}/>`];
  if (line.faint !== true && points.length <= 60) {
    for (const [x, y] of points) {
      parts.push(
        line.dashed === true
          ? `<rect x="${number(at.x(x) - 2.5)}" y="${number(at.y(y) - 2.5)}" width="5" height="5" fill="${colour}"/>`
          : `<circle cx="${number(at.x(x))}" cy="${number(at.y(y))}" r="2.5" fill="${colour}"/>`,
      );
    }
  }
  return parts.join('');
}

function tickText(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? metricText(value) : String(value);
}
