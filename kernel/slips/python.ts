/** Names and members of Python that TypeScript writes differently. */
import { getOwn } from '../../src/base/own-property.ts';

/** One line of help. */
export function inTypeScript(python: string, typescript: string): string {
  return `Python's \`${python}\` is \`${typescript}\` in TypeScript`;
}

const PACKAGES = 'a Python package: use it in a %%python cell';

/** Names of Python that a notebook does not have, and what does their work. */
const NAMES: Readonly<Record<string, string>> = {
  print: inTypeScript('print(x)', 'console.log(x)'),
  len: `${inTypeScript('len(x)', 'x.length')}, and \`x.size\` for a Map or Set`,
  range: `${inTypeScript('for i in range(n)', 'for (let i = 0; i < n; i++)')}; a list of numbers is \`Array.from({ length: n }, (_, i) => i)\``,
  str: inTypeScript('str(x)', 'String(x)'),
  int: inTypeScript('int(x)', 'Math.trunc(Number(x))'),
  float: inTypeScript('float(x)', 'Number(x)'),
  bool: inTypeScript('bool(x)', 'Boolean(x)'),
  list: inTypeScript('list(x)', '[...x]'),
  dict: `${inTypeScript('dict()', '{}')}, or \`new Map()\``,
  set: inTypeScript('set(x)', 'new Set(x)'),
  frozenset: inTypeScript('frozenset(x)', 'new Set(x)'),
  tuple: inTypeScript('tuple(x)', '[...x]'),
  bytes: inTypeScript('bytes(x)', 'Uint8Array.from(x)'),
  abs: inTypeScript('abs(x)', 'Math.abs(x)'),
  round: inTypeScript('round(x)', 'Math.round(x)'),
  pow: inTypeScript('pow(x, y)', 'x ** y'),
  divmod: inTypeScript('divmod(a, b)', '[Math.floor(a / b), a % b]'),
  min: `${inTypeScript('min(a, b)', 'Math.min(a, b)')}, and \`Math.min(...xs)\` for a list`,
  max: `${inTypeScript('max(a, b)', 'Math.max(a, b)')}, and \`Math.max(...xs)\` for a list`,
  sum: inTypeScript('sum(xs)', 'xs.reduce((a, b) => a + b, 0)'),
  any: inTypeScript('any(xs)', 'xs.some(Boolean)'),
  all: inTypeScript('all(xs)', 'xs.every(Boolean)'),
  map: inTypeScript('map(f, xs)', 'xs.map(f)'),
  filter: inTypeScript('filter(f, xs)', 'xs.filter(f)'),
  sorted: inTypeScript('sorted(xs)', '[...xs].sort((a, b) => a - b)'),
  reversed: inTypeScript('reversed(xs)', '[...xs].reverse()'),
  enumerate: inTypeScript('for i, x in enumerate(xs)', 'for (const [i, x] of xs.entries())'),
  zip: inTypeScript('zip(a, b)', 'a.map((x, i) => [x, b[i]])'),
  iter: inTypeScript('iter(x)', 'x[Symbol.iterator]()'),
  next: inTypeScript('next(x)', 'x.next().value'),
  isinstance: inTypeScript('isinstance(x, C)', 'x instanceof C'),
  issubclass: inTypeScript('issubclass(A, B)', 'A.prototype instanceof B'),
  hasattr: inTypeScript("hasattr(x, 'a')", "'a' in x"),
  getattr: inTypeScript("getattr(x, 'a')", "x['a']"),
  setattr: inTypeScript("setattr(x, 'a', v)", "x['a'] = v"),
  callable: inTypeScript('callable(x)', "typeof x === 'function'"),
  type: inTypeScript('type(x)', 'typeof x'),
  repr: inTypeScript('repr(x)', 'JSON.stringify(x)'),
  format: 'a string with values goes in backticks: `sum: ${x}`',
  exec: inTypeScript('exec(code)', 'eval(code)'),
  hash: "make a digest with `import { createHash } from 'node:crypto'`",
  complex: 'TypeScript has no complex numbers: `tf.complex(real, imag)` makes tensors of them',
  bytearray: inTypeScript('bytearray(n)', 'new Uint8Array(n)'),
  slice: inTypeScript('slice(a, b)', 'xs.slice(a, b)'),
  oct: inTypeScript('oct(x)', 'x.toString(8)'),
  ord: inTypeScript('ord(x)', 'x.codePointAt(0)'),
  chr: inTypeScript('chr(x)', 'String.fromCodePoint(x)'),
  hex: inTypeScript('hex(x)', 'x.toString(16)'),
  bin: inTypeScript('bin(x)', 'x.toString(2)'),
  dir: inTypeScript('dir(x)', 'Object.keys(x)'),
  vars: inTypeScript('vars(x)', 'Object.entries(x)'),
  globals: 'the names of the session are listed by `%who`',
  locals: 'the names of the session are listed by `%who`',
  help: 'a name followed by a question mark shows its documentation: `tf.layers.dense?`',
  open: "a file is read with `import { readFileSync } from 'node:fs'` and `readFileSync(path, 'utf8')`",
  assert: inTypeScript('assert x', 'console.assert(x)'),
  None: `${inTypeScript('None', 'null')} (a missing value is \`undefined\`)`,
  True: inTypeScript('True', 'true'),
  False: inTypeScript('False', 'false'),
  self: inTypeScript('self', 'this'),
  cls: inTypeScript('cls', 'this'),
  pass: "Python's `pass` is not needed: an empty block is `{}`",
  and: inTypeScript('a and b', 'a && b'),
  or: inTypeScript('a or b', 'a || b'),
  not: inTypeScript('not x', '!x'),
  elif: inTypeScript('elif x:', '} else if (x) {'),
  def: inTypeScript('def f(x):', 'function f(x: number) { … }'),
  lambda: inTypeScript('lambda x: y', '(x) => y'),
  raise: inTypeScript("raise ValueError('…')", "throw new Error('…')"),
  del: inTypeScript('del x.a', 'delete x.a'),
  ValueError: inTypeScript('ValueError', 'Error'),
  KeyError: inTypeScript('KeyError', 'Error'),
  IndexError: inTypeScript('IndexError', 'RangeError'),
  StopIteration: 'an iterator ends with `{ done: true, value: undefined }`',
  ZeroDivisionError: 'a division by zero gives `Infinity` or `NaN`: test it with `Number.isFinite(x)`',
  OSError: inTypeScript('OSError', 'Error'),
  ImportError: inTypeScript('ImportError', 'Error'),
  Exception: inTypeScript('Exception', 'Error'),
  NotImplementedError: inTypeScript('NotImplementedError', 'Error'),
  __name__: inTypeScript("if __name__ == '__main__'", 'if (require.main === module)'),
  __file__: inTypeScript('__file__', '__filename'),
  math: inTypeScript('math.sqrt(x)', 'Math.sqrt(x)'),
  json: inTypeScript('json.dumps(x)', 'JSON.stringify(x)'),
  random: inTypeScript('random.random()', 'Math.random()'),
  time: `${inTypeScript('time.sleep(1)', 'await new Promise((done) => setTimeout(done, 1000))')}; \`Date.now()\` is the time in milliseconds`,
  subprocess: "a command runs in a cell as `!command`, or with `execSync` of 'node:child_process'",
  glob: "files are listed with `import { globSync } from 'node:fs'` from Node 22 on, or with `!ls`",
  Path: "paths are in 'node:path', files in 'node:fs': `import { join } from 'node:path'`",
  requests: inTypeScript('requests.get(url).text', 'await (await fetch(url)).text()'),
  logging: inTypeScript('logging.info(x)', 'console.info(x)'),
  copy: inTypeScript('copy.deepcopy(x)', 'structuredClone(x)'),
  deepcopy: inTypeScript('deepcopy(x)', 'structuredClone(x)'),
  Counter: inTypeScript('Counter(xs)', 'for (const x of xs) counts[x] = (counts[x] ?? 0) + 1'),
  defaultdict: `${inTypeScript('defaultdict(list)', 'new Map()')}, and \`d[key] ??= []\` for an object`,
  RuntimeError: inTypeScript('RuntimeError', 'Error'),
  AttributeError: inTypeScript('AttributeError', 'TypeError'),
  FileNotFoundError: inTypeScript('FileNotFoundError', 'Error'),
  os: "the operating system is `import * as os from 'node:os'`; paths are in 'node:path', the environment is `process.env`",
  sys: inTypeScript('sys.argv', 'process.argv'),
  re: inTypeScript("re.search('a+', x)", 'x.match(/a+/)'),
  datetime: inTypeScript('datetime.now()', 'new Date()'),
  nan: inTypeScript('nan', 'NaN'),
  inf: inTypeScript('inf', 'Infinity'),
  nil: 'a missing value is `undefined` or `null`',
  NULL: 'a missing value is `undefined` or `null`',
  TRUE: 'did you mean `true`?',
  FALSE: 'did you mean `false`?',
  np: `NumPy is ${PACKAGES}, or compute with tensors: \`tf.tensor([1, 2])\``,
  numpy: `NumPy is ${PACKAGES}, or compute with tensors: \`tf.tensor([1, 2])\``,
  pd: `pandas is ${PACKAGES}`,
  plt: `Matplotlib is ${PACKAGES}`,
  torch: `PyTorch is ${PACKAGES}, or compute with \`tf\``,
  keras: "Keras's layers are in `tf.layers`, models in `tf.sequential()` and `tf.model()`",
  sklearn: `scikit-learn is ${PACKAGES}`,
};

/** Types of Python in the place of types. */
const TYPES: Readonly<Record<string, string>> = {
  int: 'number',
  float: 'number',
  str: 'string',
  bool: 'boolean',
  list: 'number[]',
  List: 'number[]',
  dict: 'Record<string, number>',
  Dict: 'Record<string, number>',
  tuple: '[number, number]',
  Tuple: '[number, number]',
  Optional: 'number | undefined',
  Any: 'any',
  bytes: 'Uint8Array',
  Callable: '(x: number) => number',
};

/** Names of Python that a typing error may be meant for. */
export function pythonNames(): string[] {
  return Object.keys(NAMES).filter((name) => name.length > 3);
}

export function pythonName(name: string): string | undefined {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
}

export function pythonType(name: string): string | undefined {
  return Object.hasOwn(TYPES, name)
    ? `the type \`${name}\` in Python is \`${TYPES[name]}\` in TypeScript`
    : undefined;
}

/** The kind of a value, as far as its members in Python tell. */
export type Receiver = 'array' | 'text' | 'object' | 'set' | 'map' | 'tensor' | 'number';

const ARRAY: Readonly<Record<string, string>> = {
  append: 'xs.push(x)',
  extend: 'xs.push(...ys)',
  insert: 'xs.splice(i, 0, x)',
  remove: 'xs.splice(xs.indexOf(x), 1)',
  index: 'xs.indexOf(x)',
  count: 'xs.filter((y) => y === x).length',
  copy: '[...xs]',
  clear: 'xs.length = 0',
  len: 'xs.length',
  size: 'xs.length',
  __len__: 'xs.length',
  mean: 'tf.mean(tf.tensor(xs))',
  sum: 'xs.reduce((a, b) => a + b, 0)',
  max: 'Math.max(...xs)',
  min: 'Math.min(...xs)',
  shape: 'tf.tensor(xs).shape',
  reshape: 'tf.tensor(xs).reshape([2, 3])',
  tolist: 'xs',
};

const TEXT: Readonly<Record<string, string>> = {
  upper: 'text.toUpperCase()',
  lower: 'text.toLowerCase()',
  strip: 'text.trim()',
  lstrip: 'text.trimStart()',
  rstrip: 'text.trimEnd()',
  startswith: "text.startsWith('a')",
  endswith: "text.endsWith('a')",
  find: "text.indexOf('a')",
  index: "text.indexOf('a')",
  count: "text.split('a').length - 1",
  capitalize: 'text[0].toUpperCase() + text.slice(1)',
  title: 'text[0].toUpperCase() + text.slice(1)',
  splitlines: "text.split('\\n')",
  isdigit: '/^\\d+$/.test(text)',
  isalpha: '/^\\p{L}+$/u.test(text)',
  zfill: "text.padStart(5, '0')",
  ljust: 'text.padEnd(5)',
  rjust: 'text.padStart(5)',
  encode: 'new TextEncoder().encode(text)',
  join: "xs.join(', ')",
  format: '`sum: ${x}`',
  len: 'text.length',
  size: 'text.length',
  contains: "text.includes('a')",
};

const OBJECT: Readonly<Record<string, string>> = {
  items: 'Object.entries(d)',
  keys: 'Object.keys(d)',
  values: 'Object.values(d)',
  get: 'd[key] ?? otherwise',
  update: 'Object.assign(d, e)',
  pop: 'delete d[key]',
  setdefault: 'd[key] ??= value',
  has_key: 'key in d',
  copy: '{ ...d }',
  clear: 'd = {}',
  len: 'Object.keys(d).length',
};

const SET: Readonly<Record<string, string>> = {
  remove: 's.delete(x)',
  discard: 's.delete(x)',
  update: 'for (const x of xs) s.add(x)',
  copy: 'new Set(s)',
  len: 's.size',
  length: 's.size',
};

const MAP: Readonly<Record<string, string>> = {
  items: 'm.entries()',
  update: 'for (const [k, v] of entries) m.set(k, v)',
  pop: 'm.delete(key)',
  len: 'm.size',
  length: 'm.size',
};

const TENSOR: Readonly<Record<string, string>> = {
  numpy: 't.arraySync()',
  tolist: 't.arraySync()',
  item: 't.dataSync()[0]',
  astype: "t.cast('float32')",
  type: "t.cast('float32')",
  view: 't.reshape([2, 3])',
  permute: 't.transpose([1, 0])',
  T: 't.transpose()',
  mm: 't.matMul(u)',
  matmul: 't.matMul(u)',
  ndim: 't.rank',
  dim: 't.rank',
  len: 't.shape[0]',
  length: 't.shape[0]',
  to: 'tensors are on the device that %device shows',
  cuda: 'tensors are on the device that %device shows',
  cpu: 'tensors are on the device that %device shows',
  backward: 'tf.grad(f) gives gradients',
};

const RECEIVERS: Record<Receiver, Readonly<Record<string, string>>> = {
  array: ARRAY,
  text: TEXT,
  object: OBJECT,
  set: SET,
  map: MAP,
  tensor: TENSOR,
  number: {},
};

const VARIABLE: Record<Receiver, string> = {
  array: 'xs',
  text: 'text',
  object: 'd',
  set: 's',
  map: 'm',
  tensor: 't',
  number: 'x',
};

/** Names of TensorFlow and Keras in Python for which tfjs has others. */
const TENSORFLOW: Readonly<Record<string, string>> = {
  constant: 'tf.tensor([1, 2])',
  convert_to_tensor: 'tf.tensor([1, 2])',
  array: 'tf.tensor([1, 2])',
  reduce_sum: 'tf.sum(t)',
  reduce_mean: 'tf.mean(t)',
  reduce_max: 'tf.max(t)',
  reduce_min: 'tf.min(t)',
  reduce_prod: 'tf.prod(t)',
  multiply: 'tf.mul(a, b)',
  subtract: 'tf.sub(a, b)',
  divide: 'tf.div(a, b)',
  random: 'tf.randomNormal([2, 3])',
  nn: 'tf.relu(t)',
  math: 'tf.exp(t)',
  keras: 'tf.layers.dense({ units: 1 })` and `tf.sequential()',
  GradientTape: 'tf.grad(f)',
  function: 'tensorcell.compile(f)',
  newaxis: 'tf.expandDims(t, 0)',
  float32: "'float32'",
  int32: "'int32'",
  bool: "'bool'",
  Dataset: 'tf.data.array([1, 2])',
};

/** Help for a member of `tf` that only Python has: the one of tfjs. */
export function tensorflowMember(member: string): string | undefined {
  const written = getOwn(TENSORFLOW, member);
  return written === undefined ? undefined : inTypeScript(`tf.${member}`, written);
}

/** Members that are not called. */
const PROPERTIES = new Set(['len', 'length', 'size', 'shape', 'T', 'ndim']);

/** Help for a member that Python has and the value has not. */
export function pythonMember(receiver: Receiver, member: string): string | undefined {
  const written = getOwn(RECEIVERS[receiver], member);
  if (written === undefined) return undefined;
  if (written.startsWith('tensors are')) return written;
  if (receiver === 'text' && member === 'join') return inTypeScript("', '.join(xs)", written);
  const call = PROPERTIES.has(member) ? '' : '(…)';
  return inTypeScript(`${VARIABLE[receiver]}.${member}${call}`, written);
}
