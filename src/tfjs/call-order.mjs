// The calls of layers that make a model's outputs, in the order in which they are executed.

/**
 * @template {object} C
 * @typedef {{ layer: object, before: C[] }} Call a call of a layer, and the calls that make its inputs
 */

/** @typedef {{ outboundLayer: object, inputTensors: SymbolicTensor[] }} Node a call of a layer, as tfjs has it */

/**
 * @typedef {object} SymbolicTensor as tfjs has it
 * @property {string} name
 * @property {SymbolicTensor[]} inputs
 * @property {{ inboundNodes: Node[] }} sourceLayer
 * @property {number} nodeIndex
 */

/**
 * The calls behind some others, each after those that it depends on.
 *
 * @template {Call<C>} C
 * @param {readonly C[]} ends
 */
function depthFirst(ends) {
  /** @type {Set<C>} */
  const finished = new Set();
  for (const end of ends) {
    const stack = [{ call: end, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { call, next } = top;
      const before = call.before[next];
      if (next === 0 && finished.has(call)) stack.pop();
      else if (before !== undefined) {
        top.next++;
        stack.push({ call: before, next: 0 });
      } else {
        finished.add(call);
        stack.pop();
      }
    }
  }
  return [...finished];
}

/**
 * Calls in Keras's order: by the number of calls between them and the end, where the calls of one layer are as deep as the
 * deepest that was met before (`map_graph` in keras/src/ops/function.py, whose ties this keeps too).
 *
 * @template {Call<C>} C
 * @param {readonly C[]} ends the calls that make the outputs, in their order
 */
export function kerasOrder(ends) {
  /** @type {Map<C, number>} */
  const depths = new Map();
  /** @type {Map<object, number>} */
  const ofLayers = new Map();
  for (const call of depthFirst(ends).toReversed()) {
    const depth = Math.max(depths.get(call) ?? 0, ofLayers.get(call.layer) ?? 0);
    depths.set(call, depth);
    ofLayers.set(call.layer, depth);
    for (const other of call.before) depths.set(other, Math.max(depth + 1, depths.get(other) ?? 0));
  }
  return [...depths].sort(([, a], [, b]) => b - a).map(([call]) => call);
}

/**
 * Places of calls (Nodes of tfjs) of a model from a file with their order: masks are made by calls in Keras.
 *
 * @type {WeakMap<object, { model: object, at: number }>}
 */
const places = new WeakMap();

/**
 * Keeps the order of a model's calls.
 *
 * @param {readonly object[]} nodes
 */
export function rememberOrder(nodes) {
  const model = {};
  nodes.forEach((node, at) => places.set(node, { model, at }));
}

/**
 * The Node that makes a symbolic tensor.
 *
 * @param {SymbolicTensor} tensor
 */
const nodeOf = (tensor) => /** @type {Node} */ (tensor.sourceLayer.inboundNodes[tensor.nodeIndex]);

/**
 * One tensor for each call: a layer with several outputs is called once. Where a layer is called several times, the order is
 * Keras's, since what a call leaves in the layer, such as moving averages, depends on it.
 *
 * @param {readonly SymbolicTensor[]} sorted each after those that it depends on
 * @param {readonly SymbolicTensor[]} fetches the tensors that are wanted
 * @returns {SymbolicTensor[]}
 */
export function callOrder(sorted, fetches) {
  /** @type {Map<Node | SymbolicTensor, SymbolicTensor>} */
  const tensors = new Map();
  /** @type {Node[]} */
  const nodes = [];
  for (const tensor of sorted) {
    const node = tensor.inputs.length === 0 ? undefined : nodeOf(tensor);
    if (tensors.has(node ?? tensor)) continue;
    tensors.set(node ?? tensor, tensor);
    if (node !== undefined) nodes.push(node);
  }
  if (new Set(nodes.map((node) => node.outboundLayer)).size === nodes.length) return [...tensors.values()];
  const tensorOf = (/** @type {Node} */ node) => /** @type {SymbolicTensor} */ (tensors.get(node));
  const known = nodes.map((node) => places.get(node));
  if (known.every((place) => place !== undefined && place.model === known[0]?.model)) {
    const placeOf = (/** @type {Node} */ node) => places.get(node)?.at ?? 0;
    return nodes.toSorted((a, b) => placeOf(a) - placeOf(b)).map(tensorOf);
  }
  /** @typedef {{ node: Node, layer: object, before: NodeCall[] }} NodeCall */
  /** @type {Map<Node, NodeCall>} */
  const calls = new Map(nodes.map((node) => [node, { node, layer: node.outboundLayer, before: [] }]));
  const callsOf = (/** @type {readonly SymbolicTensor[]} */ symbolic) =>
    symbolic.flatMap((tensor) => calls.get(nodeOf(tensor)) ?? []);
  for (const [node, call] of calls) call.before = callsOf(node.inputTensors);
  return kerasOrder(callsOf(fetches)).map(({ node }) => tensorOf(node));
}

/**
 * How many calls take each tensor, from the names of the tensors that are made of it.
 *
 * @param {Record<string, Iterable<string>>} recipients
 * @param {readonly SymbolicTensor[]} sorted
 */
export function recipientCalls(recipients, sorted) {
  const nodes = new Map(sorted.map((tensor) => [tensor.name, nodeOf(tensor)]));
  const count = (/** @type {string[]} */ names) => new Set(names.map((name) => nodes.get(name) ?? name)).size;
  return Object.fromEntries(Object.entries(recipients).map(([name, made]) => [name, count([...made])]));
}
