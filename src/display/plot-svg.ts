import { escapeHtml } from '../base/text/html.ts';
import { numberText } from './tensor.ts';

export interface Bar {
  from: number;
  to: number;
  count: number;
}

export type Mark =
  | { kind: 'bars'; bars: readonly Bar[]; colour: string }
  | { kind: 'line'; points: readonly (readonly [x: number, y: number])[]; colour: string; dashed?: boolean };

export interface Plot {
  title?: string;
  xTitle?: string;
  yTitle?: string;
  x: readonly [low: number, high: number];
  y: readonly [low: number, high: number];
  marks: readonly Mark[];
}

const LEFT = 46;
const RIGHT = 14;
const TOP = 24;
const BOTTOM = 36;
/** Grey that can be read on white and on black: nobody asks an SVG in a notebook which of the two is behind it. */
const INK = '#767676';

/**
 * Plots in rows as one SVG picture, for where Vega-Lite is not drawn (GitHub, nbconvert, printing). Only presentation
 * attributes: sanitizers strip style, script and ids. `description` is what screen readers say.
 */
export function plotSvg(
  plots: readonly Plot[],
  options: { width: number; height: number; columns?: number; description: string },
): string {
  const { width, height, columns = 1, description } = options;
  const totalWidth = width * Math.min(columns, plots.length);
  const totalHeight = height * Math.ceil(plots.length / columns);
  const body = plots.map((plot, index) => {
    const left = (index % columns) * width;
    const top = Math.floor(index / columns) * height;
    return `<g transform="translate(${left} ${top})">${panel(plot, width, height)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${totalWidth}" height="${totalHeight}" viewBox="0 0 ${totalWidth} ${totalHeight}" role="img" aria-label="${escapeHtml(description)}" font-family="sans-serif" font-size="11"><title>${escapeHtml(description)}</title>${body.join('')}</svg>`;
}

function panel(plot: Plot, width: number, height: number): string {
  const right = width - RIGHT;
  const bottom = height - BOTTOM;
  const [xLow, xHigh] = plot.x;
  const [yLow, yHigh] = plot.y;
  const x = (value: number): number => round(LEFT + ((value - xLow) / (xHigh - xLow || 1)) * (right - LEFT));
  const y = (value: number): number =>
    round(bottom - ((value - yLow) / (yHigh - yLow || 1)) * (bottom - TOP));
  const middle = round((xLow + xHigh) / 2, 4);
  const text = (at: string, value: string): string => `<text ${at} fill="${INK}">${escapeHtml(value)}</text>`;
  const tick = (value: number): string => numberText(Number(value.toPrecision(3)));
  return [
    plot.title === undefined ? '' : text(`x="${LEFT}" y="14" font-weight="bold"`, plot.title),
    `<path d="M${LEFT} ${TOP}V${bottom}H${right}" fill="none" stroke="${INK}"/>`,
    text(`x="${LEFT}" y="${bottom + 14}" text-anchor="middle"`, tick(xLow)),
    text(`x="${x(middle)}" y="${bottom + 14}" text-anchor="middle"`, tick(middle)),
    text(`x="${right}" y="${bottom + 14}" text-anchor="middle"`, tick(xHigh)),
    text(`x="${LEFT - 4}" y="${bottom}" text-anchor="end"`, tick(yLow)),
    text(`x="${LEFT - 4}" y="${TOP + 8}" text-anchor="end"`, tick(yHigh)),
    plot.xTitle === undefined
      ? ''
      : text(`x="${(LEFT + right) / 2}" y="${height - 6}" text-anchor="middle"`, plot.xTitle),
    plot.yTitle === undefined
      ? ''
      : text(
          `x="12" y="${(TOP + bottom) / 2}" text-anchor="middle" transform="rotate(-90 12 ${(TOP + bottom) / 2})"`,
          plot.yTitle,
        ),
    ...plot.marks.map((mark) => {
      if (mark.kind === 'bars') {
        const shapes = mark.bars
          .filter(({ count }) => count > 0)
          .map(({ from, to, count }) => {
            const start = x(from);
            const top = y(count);
            return `<rect x="${start}" y="${top}" width="${round(Math.max(0.5, x(to) - start - 0.5))}" height="${round(bottom - top)}"/>`;
          });
        return `<g fill="${mark.colour}">${shapes.join('')}</g>`;
      }
      const path = mark.points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${mark.colour}" stroke-width="2"${mark.dashed === true ? ' stroke-dasharray="4 3"' : ''}/>`;
    }),
  ].join('');
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
