// Programs that several tests run.
import { TF } from '../../src/engines/dtypes.ts';
import type { TensorType } from '../../src/engines/pjrt/dtypes.ts';
import { tensorName } from '../../src/engines/pjrt/dtypes.ts';
import type { Program } from '../../src/engines/pjrt/executables.ts';

export const float = (...shape: number[]): TensorType => ({ dtype: TF.FLOAT, shape });
export const int = (...shape: number[]): TensorType => ({ dtype: TF.INT32, shape });

/**
 * A program from the lines of `main`; inputs are `%0`, `%1`, … in the lines as `%a0`, `%a1`.
 *
 * @param results names of the results, such as `%r`
 */
export function program(
  name: string,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  lines: string,
  results: readonly string[],
  updates: ReadonlyMap<number, number> = new Map(),
): Program {
  const parameters = inputs.map((type, i) => {
    const output = updates.get(i);
    const alias = output === undefined ? '' : ` {tf.aliasing_output = ${output} : i32}`;
    return `%a${i}: ${tensorName(type)}${alias}`;
  });
  const types = outputs.map(tensorName).join(', ');
  const text = `module @m { func.func @main(${parameters.join(', ')}) -> (${types}) {
${lines}
return ${results.join(', ')} : ${types}
} }`;
  return { name, text, inputs, outputs, updates };
}

/** The sum of two tensors of one type. */
export function add(type: TensorType): Program {
  return program('add', [type, type], [type], `%r = stablehlo.add %a0, %a1 : ${tensorName(type)}`, ['%r']);
}

/** Adds input 1 to input 0 and to input 2, in place, and gives the sum of input 0. */
export function step(size: number): Program {
  const type = float(size);
  const name = tensorName(type);
  return program(
    'the step',
    [type, type, type],
    [type, float(), type],
    `%x = stablehlo.add %a0, %a1 : ${name}
%y = stablehlo.add %a2, %a1 : ${name}
%z = stablehlo.constant dense<0.0> : tensor<f32>
%s = stablehlo.reduce(%x init: %z) applies stablehlo.add across dimensions = [0] : (${name}, tensor<f32>) -> tensor<f32>`,
    ['%x', '%s', '%y'],
    new Map([
      [0, 0],
      [2, 2],
    ]),
  );
}

/** A chain of sines: compiling it recurses deeply. */
export function chain(length: number): Program {
  const lines = Array.from(
    { length },
    (_, i) => `%r${i} = stablehlo.sine %${i === 0 ? 'a0' : `r${i - 1}`} : tensor<f32>`,
  );
  return program('a chain', [float()], [float()], lines.join('\n'), [`%r${length - 1}`]);
}

/** Multiplies a matrix of ones and its multiples `turns` times: seconds of work for one call. */
export function loop(size: number, turns: number): Program {
  const type = tensorName(float(size, size));
  return program(
    'a loop',
    [float(size, size)],
    [float(size, size)],
    `%c0 = stablehlo.constant dense<0> : tensor<i32>
%c1 = stablehlo.constant dense<1> : tensor<i32>
%n = stablehlo.constant dense<${turns}> : tensor<i32>
%s = stablehlo.constant dense<${1 / size}> : tensor<f32>
%sb = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> ${type}
%r:2 = stablehlo.while(%i = %c0, %x = %a0) : tensor<i32>, ${type}
cond { %p = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
stablehlo.return %p : tensor<i1> }
do { %j = stablehlo.add %i, %c1 : tensor<i32>
%y = stablehlo.dot_general %x, %a0, contracting_dims = [1] x [0] : (${type}, ${type}) -> ${type}
%z = stablehlo.multiply %y, %sb : ${type}
stablehlo.return %j, %z : tensor<i32>, ${type} }`,
    ['%r#1'],
  );
}

const ROWS = 4_194_304;

/** Lines with far more temporary memory than there is, for a small result `%r` from the column `%a0`. */
function hugeLines(): string {
  const square = `tensor<${ROWS}x${ROWS}xf32>`;
  return `%zero = stablehlo.constant dense<0.0> : tensor<f32>
%m = stablehlo.dot_general %a0, %a0, contracting_dims = [1] x [1] : (tensor<${ROWS}x1xf32>, tensor<${ROWS}x1xf32>) -> ${square}
%s = "stablehlo.sort"(%m) <{dimension = 1 : i64}> ({ ^bb0(%x: tensor<f32>, %y: tensor<f32>):
%c = stablehlo.compare LT, %x, %y : (tensor<f32>, tensor<f32>) -> tensor<i1>
stablehlo.return %c : tensor<i1> }) : (${square}) -> ${square}
%r = stablehlo.reduce(%s init: %zero) applies stablehlo.add across dimensions = [1] : (${square}, tensor<f32>) -> tensor<${ROWS}xf32>`;
}

/** Needs far more temporary memory than there is, for a small result. */
export function hugeTemporary(): Program {
  return program('a huge product', [float(ROWS, 1)], [float(ROWS)], hugeLines(), ['%r']);
}

/** The same, and updates its input in place. */
export function failingStep(): Program {
  const type = float(ROWS, 1);
  const name = tensorName(type);
  const lines = `${hugeLines()}
%new = stablehlo.add %a0, %a0 : ${name}`;
  return program('a failing step', [type], [type, float(ROWS)], lines, ['%new', '%r'], new Map([[0, 0]]));
}
