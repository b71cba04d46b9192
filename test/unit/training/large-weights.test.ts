import { writeHdf5 } from '../../../src/training/model-files/hdf5.ts';

test('weights of 2 GiB are refused before anything is written, with what to do instead', async () => {
  // Memory that is not touched costs nothing.
  const groups = new Map([
    ['layers/dense/vars', { arrays: [{ shape: [2 ** 29], values: new Float32Array(2 ** 29) }] }],
  ]);
  await expect(writeHdf5(groups)).rejects.toMatchObject({
    code: 'TENSORCELL_MODEL_TOO_LARGE',
    message:
      "the weights are 2.00 GiB, and .keras files are written up to 2 GiB: save to a folder instead, as in saveModel(model, 'my-model')",
  });
});
