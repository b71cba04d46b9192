import type { Tensor } from '@tensorflow/tfjs';
import type { OpAttribute } from '../../engines/ops.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { zeros } from './graph-loop.ts';
import { engineOf } from '../../tfjs/engine.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';

/** tfjs's LSTMCell, as far as TensorFlow's op needs it. */
interface LstmCell {
  getClassName(): string;
  units: number;
  activation: { getClassName(): string };
  recurrentActivation: { getClassName(): string };
  dropout: number;
  recurrentDropout: number;
  kernel: { read(): Tensor };
  recurrentKernel: { read(): Tensor };
  bias: { read(): Tensor } | null;
}

/** Whether TensorFlow's BlockLSTMV2 computes what the cell computes. */
export function isBlockLstm(tf: Tf, cell: object | undefined): cell is LstmCell {
  if (cell === undefined || !tfInternals(tf).builtIns.has(cell.constructor)) return false;
  const { activation, recurrentActivation, dropout, recurrentDropout } = cell as LstmCell;
  return (
    (cell as LstmCell).getClassName() === 'LSTMCell' &&
    activation.getClassName() === 'tanh' &&
    recurrentActivation.getClassName() === 'sigmoid' &&
    dropout === 0 &&
    recurrentDropout === 0
  );
}

const float: OpAttribute = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };
const noPeephole: OpAttribute = { name: 'use_peephole', type: ATTR.BOOL, value: false };

/**
 * A whole LSTM layer, and its backward pass, as one op each: tensorflow/core/kernels/rnn/lstm_ops.cc. Its gates are in
 * Keras' order, and its weights are those of input and state one below the other.
 *
 * @param inputs [time, batch, width].
 * @param states the first output and cell state, [batch, units].
 * @returns outputs of all times, [time, batch, units], and the last cell state.
 */
export function blockLstm(
  tf: Tf,
  trace: TraceScope,
  cell: LstmCell,
  inputs: Tensor,
  states: [Tensor, Tensor],
): { outputs: Tensor; cell: Tensor } {
  const { units } = cell;
  const [times, batch, width] = inputs.shape as [number, number, number];
  const [output, carry] = states;
  const weights = tf.concat([cell.kernel.read(), cell.recurrentKernel.read()], 0);
  const bias = cell.bias?.read() ?? tf.zeros([4 * units]);
  const tensors = { inputs, carry, output, weights, bias };
  const { graph } = trace;
  const none = zeros(graph, [units], TF.FLOAT);
  const given: GraphOutput[] = [
    graph.constant([], TF.INT64, [times]),
    ...[inputs, carry, output, weights].map((tensor) => trace.outputOf(tensor)),
    none,
    none,
    none,
    trace.outputOf(bias),
  ];
  const forward = graph.operation('BlockLSTMV2', given, [
    float,
    noPeephole,
    { name: 'cell_clip', type: ATTR.FLOAT, value: 0 },
  ]);
  // i, cs, f, o, ci, co, h
  const made = Array.from({ length: 7 }, (_, index) => {
    const one = { oper: forward, index };
    graph.setShape(one, [times, batch, units]);
    return one;
  });
  const [h, cells] = engineOf(tf).runKernelFunc({
    inputs: tensors,
    forwardFunc: () => [trace.symbol(made[6] as GraphOutput), trace.symbol(made[1] as GraphOutput)],
    backwardsFunc: (dys) => {
      if (trace.graph !== graph) throw new Untraceable('a gradient of an LSTM within a loop', 'loops');
      const [dh, dc] = (dys as Tensor[]).map((dy) => trace.outputOf(dy)) as [GraphOutput, GraphOutput];
      const back = graph.operation('BlockLSTMGradV2', [...given, ...made, dc, dh], [float, noPeephole]);
      const result = (index: number, shape: number[]) => () => {
        const one = { oper: back, index };
        graph.setShape(one, shape);
        return trace.symbol(one);
      };
      return {
        inputs: result(0, [times, batch, width]),
        carry: result(1, [batch, units]),
        output: result(2, [batch, units]),
        weights: result(3, [width + units, 4 * units]),
        bias: result(7, [4 * units]),
      };
    },
  }) as [Tensor, Tensor];
  const last = tf.reshape(tf.slice(cells, [times - 1, 0, 0], [1, batch, units]), [batch, units]);
  return { outputs: h, cell: last };
}
