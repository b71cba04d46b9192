/** PyTorch's parameters by the module that they belong to. */
export interface TorchModule {
  /** Its name in the state dict, `features.0`; `lstm[1]` for the second layer of a stacked recurrent module. */
  readonly name: string;
  /** The parameters' names below the module, as of its first layer, and their keys in the state dict. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Counters of no consequence to what a model computes. */
const IGNORED = /(^|\.)num_batches_tracked$/;

const RECURRENT = /^(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)(_reverse)?$/;

function place(key: string): { module: string; name: string } {
  const dot = key.lastIndexOf('.');
  const module = key.slice(0, Math.max(dot, 0));
  const name = key.slice(dot + 1);
  const recurrent = RECURRENT.exec(name);
  if (recurrent === null) return { module, name };
  const [, kind = '', layer = '0', reverse = ''] = recurrent;
  return { module: layer === '0' ? module : `${module}[${layer}]`, name: `${kind}_l0${reverse}` };
}

/** Groups the keys of a state dict, in their order. */
export function modulesOf(keys: readonly string[]): TorchModule[] {
  const all = new Set(keys);
  const modules = new Map<string, Map<string, string>>();
  for (const key of keys) {
    if (IGNORED.test(key)) continue;
    let { module, name } = place(key);
    // The output projection of an attention module is a separate module there.
    const outer = /^(.*?)\.?out_proj$/.exec(module)?.[1];
    if (outer !== undefined && all.has(outer === '' ? 'in_proj_weight' : `${outer}.in_proj_weight`)) {
      module = outer;
      name = `out_proj.${name}`;
    }
    const known = modules.get(module);
    if (known === undefined) modules.set(module, new Map([[name, key]]));
    else known.set(name, key);
  }
  return [...modules].map(([name, parameters]) => ({ name, keys: parameters }));
}

/** The key of a module's parameter: the other way round. */
export function keyOf(module: string, name: string): string {
  const stacked = /^(.*)\[(\d+)\]$/.exec(module);
  const [prefix, own] =
    stacked === null ? [module, name] : [stacked[1] ?? '', name.replace(/_l0/, `_l${stacked[2] ?? '0'}`)];
  return prefix === '' ? own : `${prefix}.${own}`;
}
