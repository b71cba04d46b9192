/** What tfjs's layers understand here beyond their own arguments, for the language service. Nothing runs this file. */
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
