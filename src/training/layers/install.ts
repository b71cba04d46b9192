import { installActivations } from './activations.ts';
import { installAdvancedActivations } from './advanced-activations.ts';
import { installConvLstm } from './conv-lstm.ts';
import { installConvolutions } from './convolutions.ts';
import { installDropouts } from './dropouts.ts';
import { installMerging } from './merging.ts';
import { installAttention } from './multi-head-attention.ts';
import { installNormalizations } from './normalizations.ts';
import { installPadding } from './padding.ts';
import { installPooling } from './pooling.ts';
import { installRecurrent } from './recurrent.ts';
import type { Layer, LayerClass, Tensor, Tf } from './registry.ts';
import { installResampling } from './resampling.ts';

/** Masks are made of inputs, on the way of no gradient; tfjs has none for `any`. */
function installMaskGradient(tf: Tf): void {
  const registered = tf.getGradient('Any') as object | undefined;
  if (registered !== undefined && registered !== null) return;
  tf.registerGradient({
    kernelName: 'Any',
    inputsToSave: ['x'],
    gradFunc: (_, saved) => ({ x: () => tf.zeros((saved[0] as Tensor).shape) }),
  });
}

const installed = new WeakMap<object, Readonly<Record<string, LayerClass>>>();

/** tfjs's own functions that make layers, where their names are not those of the classes in camel case. */
const FACTORIES: Readonly<Record<string, readonly string[]>> = {
  AveragePooling1D: ['averagePooling1d', 'avgPool1d', 'avgPooling1d'],
  ConvLSTM2D: ['convLstm2d'],
  ELU: ['elu'],
  GRU: ['gru'],
  GlobalMaxPooling1D: ['globalMaxPooling1d', 'globalMaxPool1d'],
  GlobalMaxPooling2D: ['globalMaxPooling2d', 'globalMaxPool2d'],
  LSTM: ['lstm'],
  LeakyReLU: ['leakyReLU'],
  MaxPooling1D: ['maxPooling1d', 'maxPool1d'],
  RNN: ['rnn'],
  ReLU: ['reLU'],
  SimpleRNN: ['simpleRNN'],
};

/** The name of the function that makes a layer: `Conv2DTranspose` -> `conv2dTranspose`. */
function factoryName(className: string): string {
  return className.charAt(0).toLowerCase() + className.slice(1).replaceAll(/(\d)D/g, '$1d');
}

/**
 * Registers Keras's layers and activations that tfjs lacks, and replaces those of tfjs that take an option and do not
 * obey it; `tf.layers` makes the replacements then. Does nothing where that was done.
 */
export function installLayers(tf: Tf): Readonly<Record<string, LayerClass>> {
  const before = installed.get(tf);
  if (before !== undefined) return before;
  installActivations(tf);
  installMaskGradient(tf);
  const made = {
    ...installAdvancedActivations(tf),
    ...installAttention(tf),
    ...installConvolutions(tf),
    ...installConvLstm(tf),
    ...installDropouts(tf),
    ...installMerging(tf),
    ...installNormalizations(tf),
    ...installPadding(tf),
    ...installPooling(tf),
    ...installRecurrent(tf),
    ...installResampling(tf),
  };
  installed.set(tf, made);
  const makers: Record<string, unknown> = { ...tf.layers };
  for (const [className, made_] of Object.entries(made)) {
    for (const name of FACTORIES[className] ?? [factoryName(className)]) {
      if (!(name in makers)) continue;
      makers[name] = Object.defineProperty((args?: object): Layer => new made_({ ...args }), 'name', {
        value: name,
      });
    }
  }
  // A copy that was imported as a module has names that cannot be replaced; its files load all the same.
  const own = Object.getOwnPropertyDescriptor(tf, 'layers');
  if (own?.writable === true && !Object.isSealed(tf)) Object.assign(tf, { layers: makers });
  return made;
}
