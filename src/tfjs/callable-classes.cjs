// tfjs's own build for Node has classes that a compiler lowered to functions, and so have packages that extend them: their
// constructors call the parent as a function, which a real class refuses. The classes that are made to be extended are
// functions here, which construct the real class either way.

/** @typedef {new (...args: unknown[]) => object} Constructor */

/**
 * A function in the place of a class: `new`, `extends` and `instanceof` do what they do with the class.
 *
 * @param {Constructor} Class
 */
function callable(Class) {
  /**
   * @this {{ constructor?: unknown } | undefined}
   * @param {unknown[]} given
   */
  function Extendable(...given) {
    // In `_super.call(this, …)` the object that a lowered constructor was given tells its class.
    const target = new.target ?? this?.constructor;
    if (
      typeof target !== 'function' ||
      !Object.prototype.isPrototypeOf.call(Class.prototype, target.prototype)
    ) {
      if (new.target === undefined)
        throw new TypeError(`Class constructor ${Class.name} cannot be invoked without 'new'`);
      return Reflect.construct(Class, given);
    }
    return Reflect.construct(Class, given, target);
  }
  Object.setPrototypeOf(Extendable, Class);
  Object.defineProperties(Extendable, {
    prototype: { value: Class.prototype, writable: false },
    name: { value: Class.name },
    length: { value: Class.length },
  });
  return Extendable;
}

const EXTENDED = {
  '': [
    'AdadeltaOptimizer',
    'AdagradOptimizer',
    'AdamOptimizer',
    'AdamaxOptimizer',
    'Callback',
    'CustomCallback',
    'EarlyStopping',
    'KernelBackend',
    'LayersModel',
    'MomentumOptimizer',
    'Optimizer',
    'RMSPropOptimizer',
    'RNN',
    'SGDOptimizer',
    'Sequential',
  ],
  data: ['Dataset'],
  layers: ['Layer', 'RNN', 'RNNCell'],
  serialization: ['Serializable'],
};

/**
 * Puts such functions in the place of the classes that packages extend.
 *
 * @param {object} namespace tfjs
 */
exports.allowLoweredClasses = (namespace) => {
  const tf = /** @type {Record<string, unknown>} */ (namespace);
  for (const [group, names] of Object.entries(EXTENDED)) {
    const owner = group === '' ? tf : { .../** @type {Record<string, unknown>} */ (tf[group]) };
    for (const name of names) {
      const Class = owner[name];
      if (typeof Class === 'function') owner[name] = callable(/** @type {Constructor} */ (Class));
    }
    if (group !== '') tf[group] = owner;
  }
};
