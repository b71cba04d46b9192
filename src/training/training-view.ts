import { escapeHtml } from '../base/text/html.ts';
import type { Rendered } from '../display/index.ts';
import type { MimeBundle } from '../base/host.ts';
import { metricText } from '../base/text/numbers.ts';
import { chartSvg } from '../display/plot/panels.ts';
import type { Line, Panel } from '../display/plot/panels.ts';
import { chartForms, TRAINING_COLOUR, VALIDATION_COLOUR } from './chart-forms.ts';
import { metricNames } from './record.ts';
import type { EpochSummary, Point, TrainingRecord } from './record.ts';
import { durationText, logsText, rateText, textBar } from './wording.ts';

/** Finished epochs listed under the bar while a training runs. */
const LISTED_EPOCHS = 6;

function epochText(record: TrainingRecord, summary: EpochSummary): string {
  return [
    `Epoch ${summary.epoch + 1} of ${record.epochs}`,
    // A history alone knows no times.
    summary.milliseconds > 0 ? durationText(summary.milliseconds) : '',
    logsText(summary.logs),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** One line on how far a running training is. */
export function progressLine(record: TrainingRecord, now: number): string {
  const left = record.timeLeft(now);
  return [
    `Epoch ${record.epoch + 1} of ${record.epochs}`,
    record.steps === undefined ? `step ${record.step}` : `step ${record.step} of ${record.steps}`,
    rateText(record.rate(now)),
    left === undefined ? '' : `${durationText(left)} left`,
    // Validation stands in the lines of epochs: here it would only make the line break.
    logsText(Object.fromEntries(Object.entries(record.current).filter(([name]) => !name.startsWith('val_')))),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** One line on how a training ended. */
export function summaryLine(record: TrainingRecord): string {
  const epochs = record.done.length;
  const what = {
    running: 'Training',
    finished: `Trained ${epochs} epoch${epochs === 1 ? '' : 's'}`,
    interrupted: `Stopped in epoch ${record.epoch + 1} of ${record.epochs} after step ${record.step}${record.steps === undefined ? '' : ` of ${record.steps}`}`,
    failed: `Failed in epoch ${record.epoch + 1} of ${record.epochs}`,
  }[record.status];
  const time = record.ended === undefined ? '' : ` in ${durationText(record.ended - record.started)}`;
  const rate = rateText(record.rate(record.ended ?? 0));
  return [`${what}${time}`, record.ended === undefined ? '' : rate, logsText(record.current)]
    .filter((part) => part !== '')
    .join(' · ');
}

/** With more epochs than this the words leave out those in the middle. */
const MOST_LINES = 60;
const FIRST_LINES = 10;
const LAST_LINES = 30;

/** The whole training in words, a line an epoch; of very many epochs the first and the last. */
export function trainingText(record: TrainingRecord): string {
  const { done } = record;
  const lines = (some: readonly EpochSummary[]): string[] =>
    some.map((summary) => epochText(record, summary));
  const epochs =
    done.length <= MOST_LINES
      ? lines(done)
      : [
          ...lines(done.slice(0, FIRST_LINES)),
          `… ${done.length - FIRST_LINES - LAST_LINES} more epochs …`,
          ...lines(done.slice(-LAST_LINES)),
        ];
  return [...epochs, ...record.notes, summaryLine(record)].join('\n');
}

/** Every epoch's line from the one with number `from` on: what a terminal has not seen yet. */
export function epochLines(record: TrainingRecord, from: number): string[] {
  return record.done.slice(from).map((summary) => epochText(record, summary));
}

/** Points of a line that are drawn. More cannot be told apart, and an update must stay small. */
const MOST_POINTS = 400;

/** At most {@link MOST_POINTS} of the points, evenly, with the last one. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => (points.length - 1 - index) % every === 0);
}

/** A panel for each metric, with its validation twin. */
function trainingPanels(record: TrainingRecord): Panel[] {
  const to = record.status === 'running' ? record.epochs : Math.max(record.position, record.firstEpoch + 1);
  return metricNames(record)
    .slice(0, 4)
    .map((name) => {
      const lines: Line[] = [];
      const between = record.between.get(name);
      const whole = record.whole.get(name);
      const validation = record.whole.get(`val_${name}`);
      if (between !== undefined && between.length > 1) {
        lines.push({ label: 'step', points: between, colour: TRAINING_COLOUR, faint: true });
      }
      lines.push({ label: 'training', points: thinned(whole ?? []), colour: TRAINING_COLOUR });
      if (validation !== undefined) {
        lines.push({
          label: 'validation',
          points: thinned(validation),
          colour: VALIDATION_COLOUR,
          dashed: true,
        });
      }
      return { title: name, lines, xLabel: 'epochs', xRange: [record.firstEpoch, to] as const, xWhole: true };
    });
}

/** A description for users who cannot see the chart. */
function chartDescription(record: TrainingRecord): string {
  const metrics = metricNames(record).map((name) => {
    const points = record.whole.get(name) ?? record.between.get(name) ?? [];
    const first = points[0];
    const last = points.at(-1);
    if (first === undefined || last === undefined) return name;
    const validation = record.whole.get(`val_${name}`)?.at(-1);
    const twin = validation === undefined ? '' : `, validation ${metricText(validation[1])}`;
    return `${name} from ${metricText(first[1])} to ${metricText(last[1])}${twin}`;
  });
  return `Training over ${record.done.length} of ${record.epochs} epochs: ${metrics.join('; ')}`;
}

/** The live form: a bar, the epochs so far and the chart, in one piece of HTML. */
export function liveHtml(record: TrainingRecord, now: number): string {
  const all = (record.epochs - record.firstEpoch) * (record.steps ?? 0);
  const done = (record.epoch - record.firstEpoch) * (record.steps ?? 0) + record.step;
  const bar =
    all === 0
      ? '<progress style="width:100%;max-width:680px"></progress>'
      : `<progress style="width:100%;max-width:680px" value="${done}" max="${all}">${Math.floor((100 * done) / all)} %</progress>`;
  const epochs = record.done.slice(-LISTED_EPOCHS).map((summary) => escapeHtml(epochText(record, summary)));
  const lines = [
    ...epochs,
    ...record.notes.map((note) => `⚠ ${escapeHtml(note)}`),
    escapeHtml(progressLine(record, now)),
    ...(record.device === '' ? [] : [escapeHtml(record.device)]),
  ];
  const panels = trainingPanels(record);
  const chart =
    panels.length === 0
      ? ''
      : chartSvg(panels, { ink: 'currentColor', description: chartDescription(record) });
  return `<div>${bar}<pre style="font-size:0.9em;white-space:pre;overflow-x:auto">${lines.join('\n')}</pre>${chart === '' ? '' : `<div style="margin-top:10px">${chart}</div>`}</div>`;
}

/** The live form in every type that it has. */
export function liveBundle(record: TrainingRecord, now: number): MimeBundle {
  const text = record.done.slice(-LISTED_EPOCHS).map((summary) => epochText(record, summary));
  const fraction = record.steps === undefined ? 0 : record.step / record.steps;
  return {
    'text/plain': [
      ...text,
      ...(record.device === '' ? [] : [record.device]),
      `${textBar(fraction)} ${progressLine(record, now)}`,
    ].join('\n'),
    'text/html': liveHtml(record, now),
  };
}

/** The final display of a training: a chart that every front end can show, and the same in words. */
export function finalBundle(record: TrainingRecord, { lines = true } = {}): Rendered {
  const panels = trainingPanels(record);
  // Where the lines of epochs were printed already, the summary is left.
  const text = lines ? trainingText(record) : summaryLine(record);
  if (panels.length === 0) return { data: { 'text/plain': text }, metadata: {} };
  const description = chartDescription(record);
  const heading = [...record.notes.map((note) => `⚠ ${note}`), summaryLine(record)];
  return chartForms(panels, { text, heading, description });
}
