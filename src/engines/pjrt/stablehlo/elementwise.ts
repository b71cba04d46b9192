import { dtypeName, TF } from '../../dtypes.ts';
import { isFloat, isInteger, isWritten, type ProgramBuilder, type Value } from './builder.ts';
import { aligned, NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

/** Dtypes of an op's operands. */
type Kind = 'float' | 'integer' | 'number' | 'bool' | 'any';

function checkKind(call: OpCall, dtype: number, kind: Kind): void {
  const fits: Record<Kind, boolean> = {
    float: isFloat(dtype),
    integer: isInteger(dtype),
    number: isFloat(dtype) || isInteger(dtype),
    bool: dtype === TF.BOOL,
    any: true,
  };
  if (!fits[kind]) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
}

/** Elementwise arithmetic on values of one type; numbers become constants of it. */
class Arithmetic {
  readonly builder: ProgramBuilder;
  readonly #type: Value['type'];

  constructor(builder: ProgramBuilder, type: Value['type']) {
    this.builder = builder;
    this.#type = type;
  }

  number(value: number): Value {
    return this.builder.constant(this.#type.dtype, value, this.#type.shape);
  }

  #operands(values: readonly (Value | number)[]): Value[] {
    return values.map((value) => (typeof value === 'number' ? this.number(value) : value));
  }

  apply(operation: string, ...values: (Value | number)[]): Value {
    return this.builder.elementwise(operation, ...this.#operands(values));
  }

  add(a: Value | number, b: Value | number): Value {
    return this.apply('stablehlo.add', a, b);
  }

  subtract(a: Value | number, b: Value | number): Value {
    return this.apply('stablehlo.subtract', a, b);
  }

  multiply(a: Value | number, b: Value | number): Value {
    return this.apply('stablehlo.multiply', a, b);
  }

  divide(a: Value | number, b: Value | number): Value {
    return this.apply('stablehlo.divide', a, b);
  }

  compare(direction: Parameters<ProgramBuilder['compare']>[0], a: Value | number, b: Value | number): Value {
    const [left, right] = this.#operands([a, b]) as [Value, Value];
    return this.builder.compare(direction, left, right);
  }

  select(condition: Value, a: Value | number, b: Value | number): Value {
    const [left, right] = this.#operands([a, b]) as [Value, Value];
    return this.builder.select(condition, left, right);
  }
}

type Rule = (m: Arithmetic, ...values: [Value, Value, Value]) => Value;

/** An emitter for operands of one type, the first `count`; no broadcasting. */
function same(kind: Kind, count: number, rule: Rule): Emitter {
  return single((call) => {
    const { dtype } = call.typeOf(0);
    checkKind(call, dtype, kind);
    const values = call.values(count) as [Value, Value, Value];
    return rule(new Arithmetic(call.builder, values[0].type), ...values);
  });
}

/** An emitter for two operands that are broadcast. */
function binary(kind: Kind, rule: Rule): Emitter {
  return single((call) => {
    checkKind(call, call.typeOf(0).dtype, kind);
    const values = aligned(call, [call.value(0), call.value(1)]) as [Value, Value, Value];
    return rule(new Arithmetic(call.builder, values[0].type), ...values);
  });
}

function operation(kind: Kind, name: string): Emitter {
  return same(kind, 1, (m, x) => m.apply(name, x));
}

function binaryOperation(kind: Kind, name: string): Emitter {
  return binary(kind, (m, x, y) => m.apply(name, x, y));
}

function comparison(kind: Kind, direction: Parameters<ProgramBuilder['compare']>[0]): Emitter {
  return binary(kind, (m, x, y) => m.compare(direction, x, y));
}

/** Constants of self-normalizing networks (tensorflow/core/kernels/relu_op_functor.h). */
const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

/** log(1 + e^x), without overflow (tf2xla/kernels/elu_op.cc and softplus in binary_ops). */
function softplus(m: Arithmetic, x: Value): Value {
  const threshold = Math.log(2 ** -23) + 2;
  const power = m.apply('stablehlo.exponential', x);
  const middle = m.apply('stablehlo.log_plus_one', power);
  const small = m.select(m.compare('LT', x, threshold), power, middle);
  return m.select(m.compare('GT', x, -threshold), x, small);
}

function ofUnary(): Record<string, Emitter> {
  const square: Rule = (m, x) => m.multiply(x, x);
  return {
    Abs: operation('number', 'stablehlo.abs'),
    Acos: operation('float', 'chlo.acos'),
    Acosh: operation('float', 'chlo.acosh'),
    Asin: operation('float', 'chlo.asin'),
    Asinh: operation('float', 'chlo.asinh'),
    Atan: operation('float', 'chlo.atan'),
    Atanh: operation('float', 'chlo.atanh'),
    Ceil: operation('float', 'stablehlo.ceil'),
    Cos: operation('float', 'stablehlo.cosine'),
    Cosh: operation('float', 'chlo.cosh'),
    Elu: same('float', 1, (m, x) =>
      m.select(m.compare('GT', x, 0), x, m.apply('stablehlo.exponential_minus_one', x)),
    ),
    Erf: operation('float', 'chlo.erf'),
    Exp: operation('float', 'stablehlo.exponential'),
    Expm1: operation('float', 'stablehlo.exponential_minus_one'),
    Floor: operation('float', 'stablehlo.floor'),
    Invert: operation('integer', 'stablehlo.not'),
    IsFinite: single((call) => {
      checkKind(call, call.typeOf(0).dtype, 'float');
      const x = call.value(0);
      return call.builder.apply('stablehlo.is_finite', [x], { ...x.type, dtype: TF.BOOL });
    }),
    IsInf: same('float', 1, (m, x) => m.compare('EQ', m.apply('stablehlo.abs', x), Infinity)),
    IsNan: same('float', 1, (m, x) => m.compare('NE', x, x)),
    Log: operation('float', 'stablehlo.log'),
    Log1p: operation('float', 'stablehlo.log_plus_one'),
    LogicalNot: operation('bool', 'stablehlo.not'),
    Neg: operation('number', 'stablehlo.negate'),
    OnesLike: same('any', 1, (m) => m.number(1)),
    Reciprocal: same('float', 1, (m, x) => m.divide(1, x)),
    Relu: same('number', 1, (m, x) => m.apply('stablehlo.maximum', x, 0)),
    Relu6: same('number', 1, (m, x) => m.apply('stablehlo.clamp', 0, x, 6)),
    Rint: operation('float', 'stablehlo.round_nearest_even'),
    Round: same('number', 1, (m, x) =>
      isInteger(x.type.dtype) ? x : m.apply('stablehlo.round_nearest_even', x),
    ),
    Rsqrt: operation('float', 'stablehlo.rsqrt'),
    Selu: same('float', 1, (m, x) => {
      const below = m.multiply(SELU_SCALE_ALPHA, m.apply('stablehlo.exponential_minus_one', x));
      return m.select(m.compare('GT', x, 0), m.multiply(SELU_SCALE, x), below);
    }),
    Sigmoid: operation('float', 'stablehlo.logistic'),
    Sign: operation('number', 'stablehlo.sign'),
    Sin: operation('float', 'stablehlo.sine'),
    Sinh: operation('float', 'chlo.sinh'),
    Softplus: same('float', 1, softplus),
    Softsign: same('float', 1, (m, x) => m.divide(x, m.add(m.apply('stablehlo.abs', x), 1))),
    Sqrt: operation('float', 'stablehlo.sqrt'),
    Square: same('number', 1, square),
    Tan: same('float', 1, (m, x) => m.divide(m.apply('stablehlo.sine', x), m.apply('stablehlo.cosine', x))),
    Tanh: operation('float', 'stablehlo.tanh'),
    ZerosLike: same('any', 1, (m) => m.number(0)),
  };
}

/** Divisions of integers fail at zero, as TensorFlow's do; the device would compute on with -1. */
function division(kind: Kind, rule: Rule): Emitter {
  return binary(kind, (m, x, y) => {
    if (isInteger(x.type.dtype)) m.builder.check(m.compare('EQ', y, 0), 'Integer division by zero');
    return rule(m, x, y, x);
  });
}

/** Rounded down, not towards zero (tf2xla/kernels/binary_ops.cc, FloorDivImpl). */
function floorDivide(m: Arithmetic, x: Value, y: Value): Value {
  const quotient = m.divide(x, y);
  if (isFloat(x.type.dtype)) return m.apply('stablehlo.floor', quotient);
  const inexact = m.compare('NE', m.multiply(quotient, y), x);
  const signs = m.builder.compare('NE', m.compare('LT', x, 0), m.compare('LT', y, 0));
  return m.select(m.builder.elementwise('stablehlo.and', inexact, signs), m.subtract(quotient, 1), quotient);
}

/** The remainder of `floorDivide`: it has the divisor's sign (FloorModImpl). */
function floorModulo(m: Arithmetic, x: Value, y: Value): Value {
  const remainder = m.apply('stablehlo.remainder', x, y);
  const signs = m.builder.compare('NE', m.compare('LT', remainder, 0), m.compare('LT', y, 0));
  const other = m.builder.elementwise('stablehlo.and', m.compare('NE', remainder, 0), signs);
  return m.select(other, m.add(remainder, y), remainder);
}

/** A rule that gives 0 where one operand is 0, whatever the other is. */
function zeroWhere(which: 'x' | 'y', rule: Rule): Emitter {
  return binary('float', (m, x, y) =>
    m.select(m.compare('EQ', which === 'x' ? x : y, 0), 0, rule(m, x, y, x)),
  );
}

function ofBinary(): Record<string, Emitter> {
  const add = binaryOperation('number', 'stablehlo.add');
  const divide: Rule = (m, x, y) => m.divide(x, y);
  const remainder: Rule = (m, x, y) => m.apply('stablehlo.remainder', x, y);
  return {
    Add: add,
    AddV2: add,
    Atan2: binaryOperation('float', 'stablehlo.atan2'),
    BitwiseAnd: binaryOperation('integer', 'stablehlo.and'),
    BitwiseOr: binaryOperation('integer', 'stablehlo.or'),
    BitwiseXor: binaryOperation('integer', 'stablehlo.xor'),
    Div: division('number', divide),
    DivNoNan: zeroWhere('y', divide),
    Equal: comparison('any', 'EQ'),
    FloorDiv: division('number', floorDivide),
    FloorMod: division('number', floorModulo),
    Greater: comparison('number', 'GT'),
    GreaterEqual: comparison('number', 'GE'),
    Less: comparison('number', 'LT'),
    LessEqual: comparison('number', 'LE'),
    LogicalAnd: binaryOperation('bool', 'stablehlo.and'),
    LogicalOr: binaryOperation('bool', 'stablehlo.or'),
    Maximum: binaryOperation('number', 'stablehlo.maximum'),
    Minimum: binaryOperation('number', 'stablehlo.minimum'),
    Mod: division('number', remainder),
    Mul: binaryOperation('number', 'stablehlo.multiply'),
    MulNoNan: zeroWhere('y', (m, x, y) => m.multiply(x, y)),
    NotEqual: comparison('any', 'NE'),
    Pow: binary('number', (m, x, y) => {
      if (isInteger(y.type.dtype)) {
        m.builder.check(m.compare('LT', y, 0), 'Integers to negative integer powers are not allowed');
      }
      return m.apply('stablehlo.power', x, y);
    }),
    RealDiv: binaryOperation('float', 'stablehlo.divide'),
    SquaredDifference: binary('number', (m, x, y) => {
      const difference = m.subtract(x, y);
      return m.multiply(difference, difference);
    }),
    Sub: binaryOperation('number', 'stablehlo.subtract'),
    TruncateDiv: division('integer', divide),
    Xdivy: zeroWhere('x', divide),
    Xlogy: zeroWhere('x', (m, x, y) => m.multiply(x, m.apply('stablehlo.log', y))),
  };
}

/** Gradients of elementwise ops (tensorflow/core/kernels/cwise_ops_gradients.h, relu_op_functor.h). */
function ofGradients(): Record<string, Emitter> {
  const gradient = (rule: Rule): Emitter => same('float', 2, rule);
  return {
    EluGrad: gradient((m, dy, y) => m.select(m.compare('LT', y, 0), m.multiply(m.add(y, 1), dy), dy)),
    LeakyRelu: single((call) => leakyRelu(call, call.value(0), call.value(0))),
    LeakyReluGrad: single((call) => leakyRelu(call, call.value(1), call.value(0))),
    ReciprocalGrad: gradient((m, y, dy) => m.multiply(m.apply('stablehlo.negate', dy), m.multiply(y, y))),
    Relu6Grad: gradient((m, dy, x) => {
      const inside = m.builder.elementwise('stablehlo.and', m.compare('GT', x, 0), m.compare('LT', x, 6));
      return m.select(inside, dy, 0);
    }),
    ReluGrad: gradient((m, dy, x) => m.select(m.compare('GT', x, 0), dy, 0)),
    RsqrtGrad: gradient((m, y, dy) => m.multiply(m.multiply(dy, -0.5), m.multiply(y, m.multiply(y, y)))),
    SeluGrad: gradient((m, dy, y) =>
      m.multiply(dy, m.select(m.compare('LT', y, 0), m.add(y, SELU_SCALE_ALPHA), SELU_SCALE)),
    ),
    SigmoidGrad: gradient((m, y, dy) => m.multiply(dy, m.multiply(y, m.subtract(1, y)))),
    SoftplusGrad: gradient((m, dy, x) =>
      m.divide(dy, m.add(m.apply('stablehlo.exponential', m.apply('stablehlo.negate', x)), 1)),
    ),
    SoftsignGrad: gradient((m, dy, x) => {
      const under = m.add(m.apply('stablehlo.abs', x), 1);
      return m.divide(dy, m.multiply(under, under));
    }),
    SqrtGrad: gradient((m, y, dy) => m.divide(m.multiply(dy, 0.5), y)),
    TanhGrad: gradient((m, y, dy) => m.multiply(dy, m.subtract(1, m.multiply(y, y)))),
  };
}

/** `slope` where `x` is positive, and a part of it elsewhere. */
function leakyRelu(call: OpCall, x: Value, slope: Value): Value {
  checkKind(call, x.type.dtype, 'float');
  const m = new Arithmetic(call.builder, x.type);
  // The attribute is a float of 32 bits.
  const alpha = Math.fround(call.attribute('alpha', 0.2));
  return m.select(m.compare('GT', x, 0), slope, m.multiply(slope, alpha));
}

function ofOthers(): Record<string, Emitter> {
  const identity = single((call) => call.value(0));
  const addAll = single((call) => {
    const [first, ...others] = call.values() as [Value, ...Value[]];
    checkKind(call, first.type.dtype, 'number');
    return others.reduce((sum, value) => call.builder.elementwise('stablehlo.add', sum, value), first);
  });
  const select = single((call) => {
    const [condition, a, b] = aligned(call, call.values()) as [Value, Value, Value];
    return call.builder.select(condition, a, b);
  });
  return {
    AddN: addAll,
    Cast: single((call) => {
      const to = call.attribute<number>('DstT', TF.FLOAT);
      if (!isWritten(to)) throw new NotEmitted(`${call.name} to ${dtypeName(to)}`);
      return call.builder.convert(call.value(0), to);
    }),
    ClipByValue: single((call) => {
      const [x, low, high] = aligned(call, call.values()) as [Value, Value, Value];
      checkKind(call, x.type.dtype, 'number');
      const below = call.builder.elementwise('stablehlo.minimum', x, high);
      return call.builder.elementwise('stablehlo.maximum', below, low);
    }),
    Identity: identity,
    PreventGradient: identity,
    Select: single((call) => {
      const [a, b] = [call.value(1), call.value(2)];
      // A vector chooses rows.
      const axes = call.typeOf(0).shape.map((_, i) => i);
      return call.builder.select(call.builder.broadcastInDim(call.value(0), a.type.shape, axes), a, b);
    }),
    SelectV2: select,
    StopGradient: identity,
  };
}

/** Rules for each element by itself, with NumPy's broadcasting (tf2xla/kernels/unary_ops.cc, binary_ops.cc). */
export const ELEMENTWISE: ReadonlyMap<string, Emitter> = new Map(
  Object.entries({ ...ofUnary(), ...ofBinary(), ...ofGradients(), ...ofOthers() }),
);
