/** Saves a model over and over, and reports after each time: killed-saver.ts kills it. */
import { installTraining, saveModel } from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
installTraining(tf);
const model = tf.sequential({
  layers: [tf.layers.dense({ inputShape: [3], units: 4, activation: 'relu' }), tf.layers.dense({ units: 1 })],
});
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
for (;;) {
  await saveModel(model, process.argv[2] as string);
  process.send?.('saved');
}
