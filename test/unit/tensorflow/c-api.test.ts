import { configProto, parseContextOptions } from '../../../src/engines/tensorflow/c-api/context-options.ts';
import { typedValues } from '../../../src/engines/dtypes.ts';
import { parseDeclaration } from '../../../src/engines/tensorflow/c-api/functions.ts';
import { int64List, packStrings } from '../../../src/engines/tensorflow/c-api/tensor.ts';
import { readableMessage, statusError } from '../../../src/engines/errors.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('the default configuration lets GPU memory grow and ops move to a device that has them', () => {
  expect(hex(configProto())).toBe('320220013801');
});

test('every option has its field of ConfigProto', () => {
  const bytes = configProto({
    memoryGrowth: false,
    memoryLimitMiB: 1024,
    visibleDevices: '0,2',
    deviceCount: { CPU: 2 },
    intraOpThreads: 300,
    interOpThreads: 1,
    softPlacement: false,
    logDevicePlacement: true,
  });
  expect(hex(bytes)).toBe(
    '0a070a03' +
      '435055' +
      '1002' + // device_count { CPU: 2 }
      '10ac02' + // intra_op_parallelism_threads
      '2801' + // inter_op_parallelism_threads
      '3210' +
      '2000' +
      '2a03302c32' +
      '4a07' +
      '0a05' +
      '0d00008044' + // gpu_options
      '3800' +
      '4001',
  );
});

test('options come from JSON, and a wrong one is named', () => {
  expect(parseContextOptions('{"intraOpThreads":2}')).toEqual({ intraOpThreads: 2 });
  expect(parseContextOptions(undefined)).toEqual({});
  expect(() => parseContextOptions('{"threads":2}')).toThrow('TENSORCELL_CONTEXT knows no option threads');
  expect(() => parseContextOptions('{"intraOpThreads":"2"}')).toThrow(
    'TENSORCELL_CONTEXT: intraOpThreads is a number, not "2"',
  );
});

test('integers of 64 bits are pairs of words', () => {
  expect([...int64List([1, -1, -2, 2 ** 40 + 5]).subarray(0, 8)]).toEqual([1, 0, -1, -1, -2, -1, 5, 256]);
});

test('strings are packed as TensorFlow lays them out', () => {
  const long = 'x'.repeat(30);
  const bytes = packStrings([Buffer.from('ab'), Buffer.from(long), Buffer.from('')]);
  expect(bytes.length).toBe(3 * 24 + 30);
  expect([...bytes.subarray(0, 4)]).toEqual([2 << 2, 97, 98, 0]);
  const view = new DataView(bytes.buffer);
  // An offset string: size with kind 2, offset from its own start, count.
  expect([24, 28, 32].map((at) => view.getUint32(at, true))).toEqual([30 * 4 + 2, 3 * 24 - 24, 1]);
  expect(Buffer.from(bytes.subarray(72)).toString()).toBe(long);
});

test('64-bit integers are taken from bigints, numbers and the pairs that tfjs-node makes', () => {
  expect(typedValues(9, [5, -5])).toEqual(BigInt64Array.of(5n, -5n));
  expect(typedValues(9, BigInt64Array.of(2n ** 60n))).toEqual(BigInt64Array.of(2n ** 60n));
  expect(typedValues(9, Int32Array.of(-7, -1))).toEqual(BigInt64Array.of(-7n));
  expect(typedValues(10, [true, false])).toEqual(Uint8Array.of(1, 0));
});

test('declarations are read into koffi types', () => {
  expect(parseDeclaration('const char *TF_Message(P)')).toEqual({
    result: 'const char *',
    symbol: 'TF_Message',
    arguments: ['int64_t'],
  });
  expect(parseDeclaration('P TF_NewStatus()')).toEqual({
    result: 'int64_t',
    symbol: 'TF_NewStatus',
    arguments: [],
  });
});

test("an error has TensorFlow's message without its wrapping", () => {
  expect(
    readableMessage(
      '{{function_node __wrapped__MatMul_device_/job:localhost/replica:0/task:0/device:CPU:0}} ' +
        'Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3] [Op:MatMul] name: ',
    ),
  ).toBe('Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]');
  const error = statusError(8, 'OOM when allocating tensor with shape[1]', 'Conv2D');
  const { name, code, op, message } = error;
  expect({ name, code, op, message }).toEqual({
    name: 'TensorflowError',
    code: 'RESOURCE_EXHAUSTED',
    op: 'Conv2D',
    message: 'Conv2D: OOM when allocating tensor with shape[1]',
  });
});
