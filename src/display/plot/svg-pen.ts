import { escapeHtml } from '../../base/text/html.ts';
import { TEXT_SIZE } from './pen.ts';
import type { LineLook, Pen, TextLook } from './pen.ts';

function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Draws SVG of presentation attributes only: sanitizers strip style, script and ids. */
export class SvgPen implements Pen {
  readonly #parts: string[] = [];

  line(points: readonly (readonly [number, number])[], look: LineLook): void {
    const attributes = [
      `stroke="${escapeHtml(look.colour)}"`,
      look.width === 1 ? '' : `stroke-width="${look.width}"`,
      look.opacity === undefined ? '' : `stroke-opacity="${look.opacity}"`,
      look.dash === undefined ? '' : `stroke-dasharray="${look.dash.join(' ')}"`,
    ].filter((attribute) => attribute !== '');
    const [from, to] = points;
    if (points.length === 2 && from !== undefined && to !== undefined) {
      this.#parts.push(
        `<line x1="${number(from[0])}" y1="${number(from[1])}" x2="${number(to[0])}" y2="${number(to[1])}" ${attributes.join(' ')}/>`,
      );
      return;
    }
    const path = points.map(([x, y]) => `${number(x)},${number(y)}`).join(' ');
    this.#parts.push(
      `<polyline points="${path}" fill="none" ${attributes.join(' ')} stroke-linejoin="round"/>`,
    );
  }

  rect(x: number, y: number, width: number, height: number, colour: string): void {
    this.#parts.push(
      `<rect x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}" fill="${escapeHtml(colour)}"/>`,
    );
  }

  circle(x: number, y: number, radius: number, colour: string): void {
    this.#parts.push(
      `<circle cx="${number(x)}" cy="${number(y)}" r="${number(radius)}" fill="${escapeHtml(colour)}"/>`,
    );
  }

  text(x: number, y: number, text: string, look: TextLook): void {
    const attributes = [
      look.anchor === undefined || look.anchor === 'start' ? '' : ` text-anchor="${look.anchor}"`,
      look.size === undefined ? '' : ` font-size="${look.size}"`,
      look.bold === true ? ' font-weight="bold"' : '',
      look.upwards === true ? ` transform="rotate(-90 ${number(x)} ${number(y)})"` : '',
    ].join('');
    this.#parts.push(
      `<text x="${number(x)}" y="${number(y)}"${attributes} fill="${escapeHtml(look.colour)}">${escapeHtml(text)}</text>`,
    );
  }

  /** The picture, with what it shows in words. */
  toString(width: number, height: number, description: string): string {
    const said = escapeHtml(description);
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${said}" font-family="sans-serif" font-size="${TEXT_SIZE}">` +
      `<title>${said}</title>${this.#parts.join('')}</svg>`
    );
  }
}
