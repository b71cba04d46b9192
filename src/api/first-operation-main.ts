// A first operation on the best device, in a separate process: the doctor gives it up when it hangs.
import { describeBackend, loadTf } from './tensorflow.ts';
import { MARK } from '../machine/doctor/first-operation.ts';

const SIZE = 64;

const start = performance.now();
const tf = loadTf();
const sum = tf.tidy(
  () =>
    tf
      .matMul(tf.ones([SIZE, SIZE]), tf.ones([SIZE, SIZE]))
      .sum()
      .dataSync()[0],
);
if (sum !== SIZE ** 3) throw new Error(`a product of matrices gave ${sum} instead of ${SIZE ** 3}`);
const { backend, devices, rejected } = describeBackend();
const milliseconds = Math.round(performance.now() - start);
const names = devices.map(({ name }) => name.replace(/^.*\/device:/, ''));
const why = rejected.map(({ what, why }) => `${what}: ${why}`).join('; ');
const said = { backend, devices: names, milliseconds, why };
process.stdout.write(`${MARK}${JSON.stringify(said)}\n`, () => process.exit(0));
