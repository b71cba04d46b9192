// The calls of layers that make a model's outputs, in the order in which they are executed.

/** The calls behind some others, each after those that it depends on. */
function depthFirst(ends) {
  const finished = new Set();
  for (const end of ends) {
    const stack = [{ call: end, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1);
      const { call, next } = top;
      if (next === 0 && finished.has(call)) stack.pop();
      else if (next < call.before.length) {
        top.next++;
        stack.push({ call: call.before[next], next: 0 });
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
 * @param ends the calls that make the outputs, in their order. A call is an object with its `layer`, and `before`: the calls
 *   that make its inputs
 */
export function kerasOrder(ends) {
  const depths = new Map();
  const ofLayers = new Map();
  for (const call of depthFirst(ends).toReversed()) {
    const depth = Math.max(depths.get(call) ?? 0, ofLayers.get(call.layer) ?? 0);
    depths.set(call, depth);
    ofLayers.set(call.layer, depth);
    for (const other of call.before) depths.set(other, Math.max(depth + 1, depths.get(other) ?? 0));
  }
  return [...depths].sort(([, a], [, b]) => b - a).map(([call]) => call);
}

/** Places of calls (Nodes of tfjs) of a model that a file says more about: masks are made by calls in Keras. */
const places = new WeakMap();

/** Keeps the order of a model's calls. */
export function rememberOrder(nodes) {
  const model = {};
  nodes.forEach((node, at) => places.set(node, { model, at }));
}

/** The Node that makes a symbolic tensor. */
const nodeOf = (tensor) => tensor.sourceLayer.inboundNodes[tensor.nodeIndex];

/**
 * One tensor for each call: a layer with several outputs is called once. Where a layer is called several times, the order is
 * Keras's, since what a call leaves in the layer, such as moving averages, depends on it.
 *
 * @param sorted symbolic tensors, each after those that it depends on
 * @param fetches the tensors that are wanted
 */
export function callOrder(sorted, fetches) {
  const tensors = new Map();
  const nodes = [];
  for (const tensor of sorted) {
    const isInput = tensor.inputs.length === 0;
    const node = isInput ? tensor : nodeOf(tensor);
    if (tensors.has(node)) continue;
    tensors.set(node, tensor);
    if (!isInput) nodes.push(node);
  }
  if (new Set(nodes.map((node) => node.outboundLayer)).size === nodes.length) return [...tensors.values()];
  const known = nodes.map((node) => places.get(node));
  if (known.every((place) => place !== undefined && place.model === known[0].model)) {
    nodes.sort((a, b) => places.get(a).at - places.get(b).at);
    return nodes.map((node) => tensors.get(node));
  }
  const calls = new Map(nodes.map((node) => [node, { node, layer: node.outboundLayer, before: [] }]));
  const callsOf = (symbolic) => symbolic.map((tensor) => calls.get(nodeOf(tensor))).filter(Boolean);
  for (const [node, call] of calls) call.before = callsOf(node.inputTensors);
  return kerasOrder(callsOf(fetches)).map(({ node }) => tensors.get(node));
}

/** How many calls take each tensor, from the names of the tensors that are made of it. */
export function recipientCalls(recipients, sorted) {
  const nodes = new Map(sorted.map((tensor) => [tensor.name, nodeOf(tensor)]));
  const count = (names) => new Set(names.map((name) => nodes.get(name) ?? name)).size;
  return Object.fromEntries(Object.entries(recipients).map(([name, made]) => [name, count([...made])]));
}
