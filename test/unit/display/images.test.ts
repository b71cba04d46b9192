import * as tf from '@tensorflow/tfjs';
import { inflateSync } from 'node:zlib';
import { confusionMatrix, images, renderValue } from '../../../src/display/index.ts';

tf.env().set('IS_TEST', true);

/** The samples of the first row of a PNG file as our encoder writes them. */
function samples(png: string): number[] {
  const bytes = Buffer.from(png, 'base64');
  return [...inflateSync(bytes.subarray(41, 41 + bytes.readUInt32BE(33)))];
}

function pictures(html: unknown): number[][] {
  return [...String(html).matchAll(/base64,([^"]+)"/g)].map(([, png]) => samples(png as string));
}

test('a grid of pictures with captions', () => {
  const grid = images(tf.tensor([0, 1, 0.5, 0.25], [2, 1, 2]), ['<a>', 'b']);
  const { data } = renderValue(grid);
  expect(Object.keys(data)).toEqual(['text/plain', 'text/html', 'image/png']);
  expect(data['text/plain']).toBe('2 images of 2 × 1 pixels: <a>, b');
  expect(pictures(data['text/html'])).toEqual([
    [0, 0, 255],
    [0, 128, 64],
  ]);
  expect(String(data['text/html']).replaceAll(/base64,[^"]+/g, 'base64,…')).toBe(
    '<table><tr>' +
      '<td style="text-align:center;padding:4px"><img src="data:image/png;base64,…" width="64" height="32" style="image-rendering:pixelated" alt="&lt;a&gt;"><br>&lt;a&gt;</td>' +
      '<td style="text-align:center;padding:4px"><img src="data:image/png;base64,…" width="64" height="32" style="image-rendering:pixelated" alt="b"><br>b</td>' +
      '</tr></table>',
  );
});

test.each<[string, tf.Tensor, number[][]]>([
  ['whole numbers count to 255', tf.tensor([0, 200], [1, 2], 'int32'), [[0, 0, 200]]],
  ['fractions above 1 too', tf.tensor([0, 2.4], [1, 2]), [[0, 0, 2]]],
  ['other ranges are stretched', tf.tensor([-1, 3], [1, 2]), [[0, 0, 255]]],
  ['truth values', tf.tensor([true, false], [1, 2]), [[0, 255, 0]]],
  ['colours', tf.tensor([255, 0, 1], [1, 1, 1, 3], 'int32'), [[0, 255, 0, 1]]],
  ['one channel', tf.tensor([7], [1, 1, 1, 1], 'int32'), [[0, 7]]],
])('%s', (_, tensor, expected) => {
  expect(pictures(renderValue(images(tensor, { scale: 1 })).data['text/html'])).toEqual(expected);
});

test('labels may be a tensor; only so many pictures are shown', () => {
  const before = tf.memory().numTensors;
  const tensor = tf.zeros([500, 1, 1], 'int32');
  const labels = tf.range(0, 500, 1, 'int32');
  const grid = images(tensor, labels);
  expect(renderValue(grid).data['text/plain']).toMatch(
    /^400 images of 1 × 1 pixels: 0, 1, .*, 399 \(and 100 more, not shown\)$/,
  );
  expect(tf.memory().numTensors).toBe(before + 2);
});

test('a tensor that is no picture is refused with the way to make it one', () => {
  expect(() => images(tf.zeros([784]))).toThrow(
    'a tensor of shape [784] is not an image: use .reshape([count, height, width])',
  );
  expect(() => images(tf.zeros([2, 8, 8]), ['a'])).toThrow('1 labels for 2 images: give one for each');
  expect(() => images([1, 2])).toThrow('images() takes a tensor');
});

test('a confusion matrix counts, in text and in a table', () => {
  const matrix = confusionMatrix([0, 0, 1, 1, 2], tf.tensor1d([0, 1, 1, 1, 0], 'int32'), {
    labels: ['cat', '<dog>', 'owl'],
  });
  expect(matrix.counts).toEqual([
    [1, 1, 0],
    [0, 2, 0],
    [1, 0, 0],
  ]);
  expect(matrix.accuracy).toBe(0.6);
  const { data } = renderValue(matrix);
  expect(data['text/plain']).toBe(
    [
      '3 of 5 right (60.00 %); rows: true class, columns: predicted class',
      '         cat <dog>   owl',
      '   cat     1     1     0',
      ' <dog>     0     2     0',
      '   owl     1     0     0',
    ].join('\n'),
  );
  expect(data['text/html']).toContain(
    '<tr><th scope="row">&lt;dog&gt;</th><td style="text-align:right" title="0 of class &lt;dog&gt; taken for cat">·</td><td style="text-align:right;background:rgba(0,114,178,0.50)" title="2 of class &lt;dog&gt; taken for &lt;dog&gt;">2</td>',
  );
});

test('classes that do not fit together are refused', () => {
  expect(() => confusionMatrix([0], [0, 1])).toThrow('1 true classes, but 2 predicted ones');
  expect(() => confusionMatrix([0.5], [0])).toThrow(
    'true class 0.5 at index 0 is not a whole number from 0 to 999',
  );
  expect(() => confusionMatrix([0], tf.zeros([1, 10]))).toThrow('the predicted classes have 2 axes');
});
