/**
 * Which layer an operation of a graph comes from, as the beginning of the operation's name: `dense_1.layer/op7` for what
 * the layer's call adds, `dense_1.gradient/op31` for its backward pass. Profiles and errors read it.
 */
export function layerScope(layer: string, what: 'layer' | 'gradient'): string {
  // Names of operations may hold letters, digits and a few signs; everything else becomes a dot.
  const name = layer.replaceAll(/[^\w-]/g, '.').replace(/^[^A-Za-z0-9.]/, '.');
  return `${name}.${what}/`;
}

/** The layer of an operation, whatever TensorFlow's optimizer has put around its name; undefined for none. */
export function layerOfNode(node: string): { layer: string; what: 'layer' | 'gradient' } | undefined {
  const [, layer, what] = /(?:^|\/)([\w.-]+)\.(layer|gradient)\//.exec(node) ?? [];
  return layer === undefined ? undefined : { layer, what: what as 'layer' | 'gradient' };
}

/** The layer of a scope such as `dense_1.layer`; undefined for other scopes. */
export function layerOfScope(scope: string): string | undefined {
  return layerOfNode(`${scope}/`)?.layer;
}

/** A text in which scopes of layers have other layers' names. */
export function withLayersRenamed(text: string, nameOf: (layer: string) => string): string {
  return text.replaceAll(
    /(^|\/)([\w.-]+)\.(layer|gradient)(?=\/)/g,
    (_, before: string, layer: string, what: string) => `${before}${nameOf(layer)}.${what}`,
  );
}
