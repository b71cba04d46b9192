/** Arguments of layers that this library adds to tfjs's, for the language service. Nothing runs this file. */
import '@tensorflow/tfjs';

declare module '@tensorflow/tfjs-layers/dist/layers/recurrent.js' {
  interface GRULayerArgs {
    /**
     * Whether the reset gate is applied after the recurrent product, as in PyTorch, in cuDNN and by default in Keras.
     * `false` by default, as in tfjs.
     */
    resetAfter?: boolean;
  }
}

declare module '@tensorflow/tfjs-layers/dist/layers/convolutional.js' {
  interface BaseConvLayerArgs {
    /** Parts of the channels that are convolved by themselves; 1 by default. For `conv1d`, `conv2d` and `conv3d`. */
    groups?: number;
    /** Places that a transposed convolution's output has in addition, as in Keras. */
    outputPadding?: number | number[];
  }
}

declare module '@tensorflow/tfjs-layers/dist/layers/pooling.js' {
  interface Pooling1DLayerArgs {
    /** Whether channels come last, which is the default, or before the time. */
    dataFormat?: 'channelsFirst' | 'channelsLast';
  }
  interface GlobalPooling2DLayerArgs {
    /** Whether the dimensions that are pooled stay, with a length of 1. `false` by default. */
    keepdims?: boolean;
  }
}

declare module '@tensorflow/tfjs-layers/dist/layers/advanced_activations.js' {
  interface ReLULayerArgs {
    /** Slope below the threshold; 0 by default. */
    negativeSlope?: number;
    /** Smaller values become 0, or have the slope; 0 by default. */
    threshold?: number;
  }
}

declare module '@tensorflow/tfjs-layers/dist/layers/recurrent.js' {
  interface BaseRNNLayerArgs {
    /** Whether the output is 0 where the mask hides a step, instead of the one before. `false` by default. */
    zeroOutputForMask?: boolean;
    /**
     * Whether the mask of the input counts where the layer is called with first states. `true` by default; Keras 3 ignores it
     * there.
     */
    maskWithStates?: boolean;
  }
}
