import type * as Tf from '@tensorflow/tfjs';
import { layerFields } from '../tfjs/layers-view.ts';
import { setRendering } from '../display/index.ts';
import type { Rendered } from '../display/index.ts';
import { escapeHtml } from '../base/text/html.ts';
import { formatBytes } from '../base/text/bytes.ts';
import { TrainingRecord } from './record.ts';
import { finalBundle } from './training-view.ts';

type Layer = Tf.layers.Layer;

interface LayerRow {
  name: string;
  kind: string;
  shape: string;
  parameters: number;
  /** Names of the layers whose output it takes. */
  from: string[];
}

const COUNT = new Intl.NumberFormat('en-US');

function shapeOf(layer: Layer): string {
  try {
    const shape = layer.outputShape;
    const one = (sizes: readonly unknown[]): string =>
      `[${sizes.map((size) => (typeof size === 'number' ? size : 'any')).join(', ')}]`;
    return Array.isArray(shape[0])
      ? shape.map((sizes) => one(sizes as (number | null)[])).join(', ')
      : one(shape);
  } catch {
    return 'several';
  }
}

function rowsOf(model: Tf.LayersModel): LayerRow[] {
  return model.layers.map((layer) => ({
    name: layer.name,
    kind: layer.getClassName(),
    shape: shapeOf(layer),
    parameters: layer.countParams(),
    from: [
      ...new Set(
        layerFields(layer).inboundNodes.flatMap((node) => node.inboundLayers.map(({ name }) => name)),
      ),
    ].filter((name) => model.layers.some((other) => other.name === name)),
  }));
}

/** A model's layers, shapes and parameters: as text, and as a table with a diagram of how they are connected. */
function renderModel(model: Tf.LayersModel): Rendered {
  const kind = model.getClassName() === 'Sequential' ? 'Sequential' : 'Model';
  // A Sequential is built on first use; as in summary(), being looked at counts as one.
  if (!model.built && model.outputs !== undefined && model.outputs !== null) model.build([]);
  if (!model.built) {
    return {
      data: { 'text/plain': `${kind} '${model.name}': not built yet, its input shape is unknown` },
      metadata: {},
    };
  }
  const rows = rowsOf(model);
  const all = model.countParams();
  const trainable = model.trainableWeights.reduce(
    (sum, { shape }) => sum + shape.reduce<number>((product, size) => product * (size ?? 1), 1),
    0,
  );
  const total = `${COUNT.format(all)} parameters (${formatBytes(4 * all)})${trainable === all ? '' : `, ${COUNT.format(trainable)} of them trainable`}`;
  const head = `${kind} '${model.name}': ${rows.length} layers, ${total}`;
  return {
    data: { 'text/plain': `${head}\n${textTable(rows)}`, 'text/html': htmlTable(head, rows) },
    metadata: {},
  };
}

function textTable(rows: readonly LayerRow[]): string {
  const table = [
    ['layer', 'kind', 'output', 'parameters'],
    ...rows.map((row) => [row.name, row.kind, row.shape, COUNT.format(row.parameters)]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...table.map((row) => (row[column] as string).length)),
  );
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column === 3 ? cell.padStart(widths[3] as number) : cell.padEnd(widths[column] as number),
        )
        .join('  '),
    )
    .join('\n');
}

function htmlTable(head: string, rows: readonly LayerRow[]): string {
  const body = rows.map(
    (row) =>
      `<tr><th scope="row" style="text-align:left">${escapeHtml(row.name)}</th><td style="text-align:left">${escapeHtml(row.kind)}</td><td style="text-align:left">${escapeHtml(row.shape)}</td><td style="text-align:right">${COUNT.format(row.parameters)}</td></tr>`,
  );
  return (
    `<div>${escapeHtml(head)}</div><table style="font-variant-numeric:tabular-nums">` +
    '<thead><tr><th scope="col" style="text-align:left">layer</th><th scope="col" style="text-align:left">kind</th><th scope="col" style="text-align:left">output</th><th scope="col">parameters</th></tr></thead>' +
    `<tbody>\n${body.join('\n')}\n</tbody></table><details><summary>Diagram</summary>${diagram(rows)}</details>`
  );
}

const BOX_WIDTH = 190;
const BOX_HEIGHT = 34;
const GAP = 22;

/** Layers in rows by their distance from the input, with lines from each to those it feeds. */
function diagram(rows: readonly LayerRow[]): string {
  const depths = new Map<string, number>();
  for (const row of rows) {
    const before = row.from.map((name) => depths.get(name) ?? 0);
    depths.set(row.name, before.length === 0 ? 0 : Math.max(...before) + 1);
  }
  const levels: LayerRow[][] = [];
  for (const row of rows) (levels[depths.get(row.name) as number] ??= []).push(row);
  const across = Math.max(...levels.map((level) => level.length));
  const width = across * (BOX_WIDTH + GAP) + GAP;
  const height = levels.length * (BOX_HEIGHT + GAP) + GAP;
  const places = new Map<string, { x: number; y: number }>();
  for (const [depth, level] of levels.entries()) {
    const left = (width - level.length * (BOX_WIDTH + GAP) + GAP) / 2;
    for (const [index, row] of level.entries()) {
      places.set(row.name, { x: left + index * (BOX_WIDTH + GAP), y: GAP / 2 + depth * (BOX_HEIGHT + GAP) });
    }
  }
  const lines = rows.flatMap((row) =>
    row.from.map((name) => {
      const from = places.get(name) as { x: number; y: number };
      const to = places.get(row.name) as { x: number; y: number };
      return `<line x1="${from.x + BOX_WIDTH / 2}" y1="${from.y + BOX_HEIGHT}" x2="${to.x + BOX_WIDTH / 2}" y2="${to.y}" stroke="currentColor" stroke-opacity="0.6"/>`;
    }),
  );
  const boxes = rows.map((row) => {
    const { x, y } = places.get(row.name) as { x: number; y: number };
    const middle = x + BOX_WIDTH / 2;
    return (
      `<rect x="${x}" y="${y}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="5" fill="#0072b2" fill-opacity="${row.parameters > 0 ? 0.2 : 0.06}" stroke="currentColor" stroke-opacity="0.4"/>` +
      `<text x="${middle}" y="${y + 14}" text-anchor="middle" fill="currentColor">${escapeHtml(row.kind)}</text>` +
      `<text x="${middle}" y="${y + 28}" text-anchor="middle" fill="currentColor" fill-opacity="0.75">${escapeHtml(row.shape)}</text>`
    );
  });
  const description = `Diagram of ${rows.length} layers: ${rows.map((row) => `${row.kind} ${row.shape}`).join(', then ')}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(description)}" font-family="sans-serif" font-size="11">${lines.join('')}${boxes.join('')}</svg>`;
}

/** A history as the chart that its training ended with. */
function renderHistory(history: Tf.History): Rendered {
  const epochs = history.epoch;
  const first = epochs[0] ?? 0;
  const record = new TrainingRecord({
    epochs: (epochs.at(-1) ?? first) + 1,
    firstEpoch: first,
    steps: 1,
    now: 0,
  });
  for (const [index, epoch] of epochs.entries()) {
    record.beginEpoch(epoch, 0);
    record.endStep();
    const logs = Object.entries(history.history).map(([name, values]) => [name, values[index]] as const);
    record.endEpoch(
      Object.fromEntries(logs.filter((entry): entry is [string, number] => typeof entry[1] === 'number')),
      0,
    );
  }
  record.status = 'finished';
  return finalBundle(record);
}

/** Makes models and histories of this copy of tfjs show themselves so. */
export function installViews(tf: typeof Tf): void {
  setRendering(tf.LayersModel.prototype, function render() {
    return renderModel(this);
  });
  setRendering(tf.History.prototype, function render() {
    return renderHistory(this);
  });
}
