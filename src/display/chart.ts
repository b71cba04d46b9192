import type { Rendered } from './rendered.ts';
import { setRendering } from './rendered.ts';

/** Blue, vermilion, green, purple, yellow, sky of Okabe and Ito's palette: told apart with every kind of colour vision. */
export const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;

/**
 * A chart as a value: Vega-Lite for front ends that draw it, an SVG picture for others, and what it says in words, which
 * screen readers read for both.
 */
export class Chart {
  readonly specification: object;
  readonly description: string;
  readonly svg: string | undefined;
  readonly text: string;

  /** @param text what terminals show, where that is more than the description. */
  constructor(specification: object, description: string, svg?: string, text: string = description) {
    this.specification = {
      $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
      description,
      ...specification,
    };
    this.description = description;
    this.svg = svg;
    this.text = text;
  }

  render(): Rendered {
    return {
      data: {
        'text/plain': this.text,
        ...(this.svg !== undefined && { 'image/svg+xml': this.svg }),
        'application/vnd.vegalite.v5+json': this.specification,
      },
      metadata: {},
    };
  }
}

setRendering(Chart.prototype, function render() {
  return this.render();
});
