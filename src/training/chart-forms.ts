import { PALETTE } from '../display/chart.ts';
import type { Rendered } from '../display/index.ts';
import { chartPng, chartSvg } from '../display/plot/panels.ts';
import type { Line, Panel } from '../display/plot/panels.ts';

export const [TRAINING_COLOUR, VALIDATION_COLOUR] = PALETTE;

/** A chart in every form that some front end shows: Vega-Lite 5, SVG, PNG, and what it says in words. */
export function chartForms(
  panels: readonly Panel[],
  said: { text: string; heading: readonly string[]; description: string },
): Rendered {
  const { description } = said;
  const options = { ink: '#333333', paper: '#ffffff', description, heading: said.heading.join(' · ') };
  const png = chartPng(panels, options);
  return {
    data: {
      'text/plain': said.text,
      'image/png': png.data['image/png'],
      'image/svg+xml': chartSvg(panels, options),
      'application/vnd.vegalite.v5+json': vegaLite(panels, said),
    },
    metadata: png.metadata,
  };
}

interface Row {
  epoch: number;
  value: number;
  data?: string;
}

function rows({ points }: Line): Row[] {
  return points.filter(([, value]) => Number.isFinite(value)).map(([epoch, value]) => ({ epoch, value }));
}

/** Up to so many points of a line have a mark each. */
const MOST_MARKS = 30;

function few(lines: readonly Line[]): boolean {
  return lines.every(({ faint, points }) => faint === true || points.length <= MOST_MARKS);
}

/** For front ends that draw Vega-Lite 5 (JupyterLab 4.6 does, and no other version), where points can be read off. */
function vegaLite(
  panels: readonly Panel[],
  { heading, description }: { heading: readonly string[]; description: string },
): object {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    description,
    title: { text: heading, fontSize: 12, anchor: 'start' },
    hconcat: panels.map(({ title, xLabel, lines }) => {
      const x = { field: 'epoch', type: 'quantitative', title: xLabel };
      const y = { field: 'value', type: 'quantitative', title: null, scale: { zero: false } };
      const domain = ['training', 'validation'];
      // At the side it would be cut off in a narrow window.
      const legend = { orient: 'bottom' };
      return {
        title,
        width: 280,
        height: 160,
        layer: [
          {
            data: { values: lines.filter(({ faint }) => faint === true).flatMap(rows) },
            mark: { type: 'line', strokeWidth: 1, opacity: 0.4, color: TRAINING_COLOUR },
            encoding: { x, y },
          },
          {
            data: {
              values: lines
                .filter(({ faint }) => faint !== true)
                .flatMap((line) => rows(line).map((row) => ({ ...row, data: line.label }))),
            },
            // Among very many points dashes could not be seen.
            mark: { type: 'line', point: few(lines) ? { size: 24 } : false, tooltip: true },
            encoding: {
              x,
              y,
              color: {
                field: 'data',
                type: 'nominal',
                title: null,
                scale: { domain, range: [TRAINING_COLOUR, VALIDATION_COLOUR] },
                legend,
              },
              shape: {
                field: 'data',
                type: 'nominal',
                title: null,
                scale: { domain, range: ['circle', 'square'] },
                legend,
              },
              // Dashes distinguish them too, for readers who cannot tell the colours apart.
              strokeDash: {
                field: 'data',
                type: 'nominal',
                title: null,
                legend,
                scale: {
                  domain,
                  range: [
                    [1, 0],
                    [4, 3],
                  ],
                },
              },
            },
          },
        ],
      };
    }),
  };
}
