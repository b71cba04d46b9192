import { attribute, hostOp, type CallSpan } from '../../../src/engines/tensorflow/profile/attribution.ts';
import { chromeTrace } from '../../../src/engines/tensorflow/profile/chrome-trace.ts';
import { parseTimeline, type TimelineRow } from '../../../src/engines/tensorflow/profile/timeline.ts';
import { ProtoWriter } from '../../../src/base/protobuf/writer.ts';

const event = (name: string, start: number, end: number, details?: Record<string, string>) => ({
  name,
  start,
  duration: end - start,
  ...(details === undefined ? {} : { details }),
});
const host = (name: string, ...events: TimelineRow['events']): TimelineRow => ({
  plane: '/host:CPU',
  name,
  events,
});
const call = (kind: CallSpan['kind'], name: string, start: number, end: number, bytes = 0): CallSpan => ({
  kind,
  name,
  start,
  duration: end - start,
  bytes,
});
const times = ({ ops }: ReturnType<typeof attribute>) =>
  Object.fromEntries(
    ops.map(({ kind, device, calls, busyMs, wallMs }) => [`${device} ${kind}`, [calls, busyMs, wallMs]]),
  );

test('each moment belongs to one part, and ops that run at once share it', () => {
  const result = attribute(
    [
      host('main', event('EagerExecute', 1000, 9000), event('KernelAndDeviceFunc::Run', 1100, 8900)),
      host('a', event('dense.layer/op1:MatMul', 2000, 6000), event('op2:Relu', 6000, 7000)),
      host('b', event('dense.gradient/op3:MatMul', 4000, 6000)),
    ],
    [
      call('upload', 'to TensorFlow', 0, 500, 40),
      call('execute', 'tensorcell_step_0', 900, 9500),
      call('download', 'from TensorFlow', 6500, 12000, 4),
    ],
    { from: 0, to: 20_000 },
    3000,
  );
  expect(result.parts).toEqual({ ops: 5, transfer: 5.5, tensorflow: 1.1, javascript: 5.4, idle: 3 });
  expect(times(result)).toEqual({ 'CPU MatMul': [2, 6, 4], 'CPU Relu': [1, 1, 1] });
  expect(result.layers).toEqual([{ layer: 'dense', wallMs: 4 }]);
});

test('an op that runs others counts for what it does itself, and only what lies in the window counts', () => {
  const result = attribute(
    [
      host(
        'a',
        event('op1:While', 0, 10_000),
        event('op2:Mul', 1000, 3000),
        event('op3:Add', 3000, 4000),
        event('op4:Mul', 9000, 9500),
        event('op5:Mul', 30_000, 31_000),
      ),
    ],
    [],
    { from: 2000, to: 8000 },
    0,
  );
  expect(times(result)).toEqual({ 'CPU While': [1, 4, 4], 'CPU Mul': [1, 1, 1], 'CPU Add': [1, 1, 1] });
  expect(result.parts).toEqual({ ops: 6, transfer: 0, tensorflow: 0, javascript: 0, idle: 0 });
});

test('while TensorFlow works on a background thread, the waiting event loop is not idle', () => {
  const result = attribute([host('a', event('op1:MatMul', 1000, 5000))], [], { from: 0, to: 10_000 }, 7000);
  expect(result.parts).toEqual({ ops: 4, transfer: 0, tensorflow: 0, javascript: 3, idle: 3 });
});

test("a GPU's kernels count for their op, and its copies as transfer", () => {
  const result = attribute(
    [
      {
        plane: '/device:GPU:0',
        name: 'Stream #13',
        events: [
          event('void gemm<float>(int)', 1000, 2000, { tf_op: 'fn::op35_2/conv.layer/op7:Conv2D' }),
          event('void other<float>(int)', 2000, 3000),
          event('MemcpyH2D', 4000, 5000),
        ],
      },
    ],
    [],
    { from: 0, to: 5000 },
    0,
  );
  expect(times(result)).toEqual({ 'GPU:0 Conv2D': [1, 1, 1], 'GPU:0 other': [1, 1, 1] });
  expect(result.parts).toEqual({ ops: 2, transfer: 1, tensorflow: 0, javascript: 2, idle: 0 });
  expect(result.layers).toEqual([{ layer: 'conv', wallMs: 1 }]);
});

test("without TensorFlow's profiler the calls themselves are the ops", () => {
  const result = attribute([], [call('execute', 'MatMul', 0, 2000)], { from: 0, to: 4000 }, 0);
  expect(times(result)).toEqual({ 'CPU MatMul': [1, 2, 2] });
  expect(result.parts).toEqual({ ops: 2, transfer: 0, tensorflow: 0, javascript: 2, idle: 0 });
});

test('what is an op, and what is not', () => {
  expect(hostOp('op5:MatMul')).toEqual({ kind: 'MatMul', layer: '' });
  expect(hostOp('op3/conv2d_1.gradient/op5:_FusedConv2D')).toEqual({
    kind: '_FusedConv2D',
    layer: 'conv2d_1',
  });
  for (const name of ['ExecutorState::Process', 'EagerLocalExecute: MatMul', 'EagerExecute', 'a b:C'])
    expect(hostOp(name)).toBeUndefined();
});

test('a recorded space is read, without notes about bookkeeping', () => {
  const named = (id: number, name: string) =>
    new ProtoWriter().int(1, id).bytes(2, new ProtoWriter().int(1, id).bytes(2, name));
  const plane = new ProtoWriter()
    .int(1, 7)
    .bytes(2, '/host:CPU')
    .bytes(
      3,
      new ProtoWriter()
        .bytes(2, 'tf_Compute/1')
        .int(3, 5000)
        .bytes(
          4,
          new ProtoWriter()
            .int(1, 1)
            .int(2, 2_000_000)
            .int(3, 3_500_000)
            .bytes(4, new ProtoWriter().int(1, 1).bytes(5, '[2,3]'))
            .bytes(4, new ProtoWriter().int(1, 2).int(3, 9)),
        )
        .bytes(4, new ProtoWriter().int(1, 2).int(2, 1).int(3, 1)),
    )
    .bytes(4, named(1, 'op1:MatMul'))
    .bytes(4, named(2, 'ThreadpoolListener::Record'))
    .bytes(5, named(1, 'shape'))
    .bytes(5, named(2, '_c'));
  expect(parseTimeline(new ProtoWriter().bytes(1, plane).finish())).toEqual([
    {
      plane: '/host:CPU',
      name: 'tf_Compute/1',
      events: [{ name: 'op1:MatMul', start: 7, duration: 3.5, details: { shape: '[2,3]' } }],
    },
  ]);
});

test('the trace names its rows and begins at 0', () => {
  const trace = chromeTrace(
    [host('tf_Compute', event('op1:MatMul', 150.00049, 170, { shape: '[2]' }))],
    [call('upload', 'to TensorFlow', 101, 102, 8)],
    { from: 100, to: 200 },
  );
  expect(trace).toEqual({
    displayTimeUnit: 'ms',
    traceEvents: [
      { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: 'JavaScript' } },
      { name: 'thread_name', ph: 'M', pid: 1, tid: 1, args: { name: 'calls into TensorFlow' } },
      { name: 'thread_name', ph: 'M', pid: 1, tid: 2, args: { name: 'calls on other threads' } },
      { name: 'to TensorFlow', ph: 'X', pid: 1, tid: 1, ts: 1, dur: 1, args: { kind: 'upload', bytes: 8 } },
      { name: 'process_name', ph: 'M', pid: 2, tid: 0, args: { name: '/host:CPU' } },
      { name: 'thread_name', ph: 'M', pid: 2, tid: 1, args: { name: 'tf_Compute' } },
      { name: 'op1:MatMul', ph: 'X', pid: 2, tid: 1, ts: 50, dur: 20, args: { shape: '[2]' } },
    ],
  });
});
