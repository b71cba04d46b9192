/** A decoded image, until it is disposed of. Values are rows first, channels last. */
export interface DecodedImage {
  readonly height: number;
  readonly width: number;
  /** The image's bytes, 0 to 255. */
  values(): ArrayLike<number>;
  /** Values from 0 to 255 at another size, as Python's `tf.image.resize` gives them (bilinear). */
  resized(height: number, width: number): ArrayLike<number>;
  dispose(): void;
}

/** Decodes images on the thread that opened it. */
export interface ImageDecoder {
  /**
   * Decodes JPEG, PNG, BMP, or the first frame of a GIF, as Python's `tf.io.decode_image`.
   *
   * @param bytes of the file; less than 1 GiB. @param channels 1, 3 or 4.
   * @throws TensorflowError for bytes that are no image
   */
  decode(bytes: Uint8Array, channels: number): DecodedImage;
}
