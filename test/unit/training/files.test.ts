import { fillIn } from '../../../src/training/callbacks/model-checkpoint.ts';
import { crc32c } from '../../../src/base/files/checksums.ts';
import { unzip, zipParts } from '../../../src/training/model-files/zip.ts';
import { snakeCase } from '../../../src/training/model-files/keras-layers.ts';

test.each([
  ['a.keras', 'a.keras'],
  ['{epoch}.keras', '3.keras'],
  ['{epoch:02d}-{val_loss:.3f}.keras', '03-0.123.keras'],
  ['{epoch:4d}|{val_loss:.1e}|{val_loss:7.2f}', '   3|1.2e-01|   0.12'],
])('%s is filled in as in Python: %s', (pattern, name) => {
  expect(fillIn(pattern, { epoch: 3, val_loss: 0.12345 })).toBe(name);
});

test('a field that the training does not have is named', () => {
  expect(() => fillIn('{f1}.keras', { epoch: 1, loss: 2 })).toThrow(
    '{f1}.keras has a field f1; this training has epoch, loss',
  );
});

test('the checksum of event files: the check value of its definition', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3_06_92_83);
});

test('an archive is read as it was written', () => {
  const members = { 'config.json': Buffer.from('{}'), 'weights/ü': Buffer.alloc(70_000, 7) };
  const archive = Buffer.concat(zipParts(members));
  expect([...unzip(archive, 'x')]).toEqual(Object.entries(members));
});

test.each([
  ['Conv2D', 'conv2d'],
  ['MaxPooling2D', 'max_pooling2d'],
  ['LSTM', 'lstm'],
  ['GlobalAveragePooling1D', 'global_average_pooling1d'],
  ['PReLU', 'p_re_lu'],
  ['TimeDistributed', 'time_distributed'],
])('%s is %s in paths, as Python makes it', (name, path) => {
  expect(snakeCase(name)).toBe(path);
});
