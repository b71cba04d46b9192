import type { Rendered } from '../../display/index.ts';
import { chartPng, chartSvg, TRAINING_COLOUR, VALIDATION_COLOUR } from './line-chart.ts';
import type { Line, Panel } from './line-chart.ts';

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
            mark: { type: 'line', point: true, tooltip: true },
            encoding: {
              x,
              y,
              color: {
                field: 'data',
                type: 'nominal',
                title: null,
                scale: { domain, range: [TRAINING_COLOUR, VALIDATION_COLOUR] },
              },
              // Told apart by dashes too: not everybody sees the colours.
              strokeDash: {
                field: 'data',
                type: 'nominal',
                title: null,
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
