import * as tf from '@tensorflow/tfjs';
import { $display, renderAsync, renderValue } from '../../../src/display/index.ts';
import { consoleTable } from '../../../src/display/table.ts';

tf.env().set('IS_TEST', true);

const text = (value: unknown): unknown => renderValue(value).data['text/plain'];

test('plain values have text only', () => {
  expect(renderValue({ a: [1] })).toEqual({ data: { 'text/plain': '{ a: [ 1 ] }' }, metadata: {} });
  expect(renderValue('<b>')).toEqual({ data: { 'text/plain': "'<b>'" }, metadata: {} });
});

test('an array of objects is a table, with everything escaped', () => {
  const rows = [
    { 'na<me': '<script>', n: 1 },
    { n: 2, more: [1, '&'] },
  ];
  expect(renderValue(rows)).toEqual({
    data: {
      'text/plain': "[ { 'na<me': '<script>', n: 1 }, { n: 2, more: [ 1, '&' ] } ]",
      'text/html': [
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">',
        '<thead><tr><th></th><th scope="col" style="text-align:left">na&lt;me</th><th scope="col" style="text-align:left">n</th><th scope="col" style="text-align:left">more</th></tr></thead>',
        '<tbody>',
        '<tr><th scope="row">0</th><td style="text-align:left">&lt;script&gt;</td><td style="text-align:right">1</td><td></td></tr>',
        '<tr><th scope="row">1</th><td></td><td style="text-align:right">2</td><td style="text-align:left">[ 1, &#39;&amp;&#39; ]</td></tr>',
        '</tbody>',
        '</table>',
      ].join('\n'),
    },
    metadata: {},
  });
});

test.each<[string, unknown]>([
  ['numbers', [1, 2]],
  ['mixed', [{ a: 1 }, 2]],
  ['unlike objects', [{ a: 1 }, { b: 1 }]],
  ['dates', [new Date(0)]],
  ['empty objects', [{}, {}]],
  ['arrays', [[1], [2]]],
])('no table for %s', (_, value) => {
  expect(Object.keys(renderValue(value).data)).toEqual(['text/plain']);
});

test('a long table shows its first rows and how many are left', () => {
  const html = String(renderValue(Array.from({ length: 1060 }, (_, a) => ({ a }))).data['text/html']);
  expect(html.match(/<tr>/g)).toHaveLength(51);
  expect(html).toMatch(/<p>… 1,010 more rows<\/p>$/);
});

test('console.table: the text of Node, and a table', () => {
  const bundle = consoleTable(new Map([['x', { a: '<' }]]));
  expect(bundle?.['text/plain']).toContain('│');
  expect(bundle?.['text/html']).toContain('<th scope="row">0: x</th><td style="text-align:left">&lt;</td>');
  expect(consoleTable([1, 2])?.['text/html']).toContain(
    '<th scope="col" style="text-align:left">Values</th>',
  );
  expect(consoleTable([{ a: 1, b: 2 }], ['b'])?.['text/html']).not.toContain('>a<');
  expect(consoleTable(5)).toBeUndefined();
});

test('values that describe themselves as for Deno', async () => {
  expect($display).toBe(Symbol.for('Jupyter.display'));
  const own = { a: 1, [$display]: () => ({ 'text/html': '<b>1</b>', 'image/png': new Uint8Array([1, 2]) }) };
  expect(renderValue(own).data).toEqual({
    'text/plain': '{ a: 1, [Symbol(Jupyter.display)]: [Function: [Jupyter.display]] }',
    'text/html': '<b>1</b>',
    'image/png': 'AQI=',
  });
  const later = { [$display]: async () => ({ 'text/plain': 'later' }) };
  await expect(renderAsync(later)).resolves.toEqual({ data: { 'text/plain': 'later' }, metadata: {} });
  expect(renderAsync(1)).toEqual({ data: { 'text/plain': '1' }, metadata: {} });
});

test('a display method that throws does not break the result', async () => {
  const broken = {
    [$display]: () => {
      throw new Error('oh');
    },
  };
  expect(text(broken)).toMatch(/\n\(its display method threw: oh\)$/);
  const rejecting = { [$display]: () => Promise.reject(new Error('late')) };
  const rendered = await renderAsync(rejecting);
  expect(rendered.data['text/plain']).toMatch(/\n\(its display method threw: late\)$/);
});

test('pictures in memory are shown', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  expect(renderValue(png).data).toEqual({
    'text/plain': 'PNG image, of 1 × 1 pixels, 70 bytes',
    'image/png': png.toString('base64'),
  });
});

test('Vega-Lite specifications and DOM elements are drawn', () => {
  const chart = { $schema: 'https://vega.github.io/schema/vega-lite/v5.json', mark: 'bar' };
  expect(renderValue(chart).data).toEqual({
    'text/plain': 'Vega-Lite chart',
    'application/vnd.vegalite.v5+json': chart,
  });
  class Element {
    get nodeType(): number {
      return 1;
    }
    get outerHTML(): string {
      return '<svg width="1"></svg>';
    }
  }
  expect(renderValue(new Element()).data).toEqual({
    'text/plain': 'Element {}',
    'image/svg+xml': '<svg width="1"></svg>',
  });
});

test('tensors: dtype, shape and the first values', () => {
  expect(text(tf.scalar(0.1))).toBe('Tensor float32 scalar\n0.1');
  expect(
    text(
      tf.tensor2d([
        [1, 2.5],
        [-3, 4],
      ]),
    ),
  ).toBe('Tensor float32 [2, 2]\n[[  1, 2.5],\n [ -3,   4]]');
  expect(text(tf.range(0, 100, 1, 'int32'))).toBe(
    'Tensor int32 [100]\n[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 90 more]',
  );
  expect(text(tf.tensor1d(['a', '<b>']))).toBe('Tensor string [2]\n["a", "<b>"]');
  expect(text(tf.tensor1d([true, false]))).toBe('Tensor bool [2]\n[true, false]');
  expect(text(tf.complex([1], [-2]))).toBe('Tensor complex64 [1]\n[1-2i]');
  expect(text(tf.zeros([0, 3]))).toBe('Tensor float32 [0, 3] (no values)');
  const gone = tf.ones([2]);
  gone.dispose();
  expect(text(gone)).toBe('Tensor float32 [2] (disposed)');
  const before = tf.memory().numTensors;
  expect(String(text(tf.zeros([5, 20, 30]))).split('\n')).toHaveLength(20);
  expect(tf.memory().numTensors).toBe(before + 1);
});

test('a tensor as HTML: facts, statistics and a table; strings escaped', () => {
  const html = (tensor: tf.Tensor): string => String(renderValue(tensor).data['text/html']);
  expect(
    html(
      tf.tensor2d([
        [1, 2.5],
        [Number.NaN, 4],
      ]),
    ),
  ).toBe(
    '<div><div><b>Tensor</b> float32 [2, 2] · 16 bytes · min 1 · max 4 · mean 2.5 · std 1.225 · <b>1 not finite</b></div>' +
      '<table style="font-variant-numeric:tabular-nums"><tbody>' +
      '<tr><th scope="row">0</th><td style="text-align:right">1</td><td style="text-align:right">2.5</td></tr>\n' +
      '<tr><th scope="row">1</th><td style="text-align:right">NaN</td><td style="text-align:right">4</td></tr>' +
      '</tbody></table></div>',
  );
  expect(html(tf.tensor1d(['<i>']))).toContain('<td style="text-align:right">&lt;i&gt;</td>');
  expect(html(tf.zeros([3, 28, 28]))).toMatch(
    /<caption>at \[0\]<\/caption>.*… 20 more rows.*<summary>Picture<\/summary>/s,
  );
  expect(html(tf.zeros([40, 9, 9, 3]))).toContain('<summary>Picture of the first 16</summary>');
  const before = tf.memory().numTensors;
  html(tf.zeros([3_000_000]));
  expect(tf.memory().numTensors).toBe(before + 1);
});
