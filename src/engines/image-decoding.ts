/** Decoding of images for data sets, whichever engine trains: TensorFlow's kernels on a CPU core of a worker. */
export { imageLibraries, openImageDecoder } from './tensorflow/image-decoder.ts';
export type { ImageDecoder } from './image-decoder.ts';
