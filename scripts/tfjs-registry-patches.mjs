// The registry of serializable classes, looked up by kind while it is bundled: Keras has a layer and an initializer
// named Identity, and tfjs's single table would hand out whichever was registered last.
const LOOKUP = 'serialization.SerializationMap.getMap().classNameMap';

/** Files of tfjs-layers that look a class up, and the class that all classes of their kind extend. */
const KINDS = {
  initializers: 'Initializer',
  constraints: 'Constraint',
  regularizers: 'Regularizer',
  activations: 'Activation',
  'layers/serialization': 'Layer',
};

export function patchRegistry(patches) {
  patches.add(/tfjs-core\/dist\/serialization\.js$/, [
    [
      `        SerializationMap.getMap().classNameMap[cls.className] =
            [cls, cls.fromConfig];
    }`,
      `        const map = SerializationMap.getMap();
        const entry = [cls, cls.fromConfig];
        map.kinds ??= new Map();
        for (const base of basesOf(cls)) {
            if (!map.kinds.has(base)) map.kinds.set(base, Object.create(map.classNameMap));
            map.kinds.get(base)[cls.className] = entry;
        }
        // The table of all kinds leaves a name to the kind that had it first.
        const [held] = map.classNameMap[cls.className] ?? [];
        if (held === undefined || basesOf(held).at(-1) === basesOf(cls).at(-1)) map.classNameMap[cls.className] = entry;
    }
    /** The registered classes by name: those that extend \`base\` first, then all others. */
    static classesOf(base) {
        const map = SerializationMap.getMap();
        return map.kinds?.get(base) ?? map.classNameMap;
    }`,
    ],
    // A file's `constructor` or `toString` names no class.
    ['this.classNameMap = {};', 'this.classNameMap = Object.create(null);'],
    [
      'export class SerializationMap {',
      `/** The classes that a class extends, the nearest first, up to the one of its kind, such as Layer. */
function basesOf(cls) {
    const bases = [];
    for (let base = Object.getPrototypeOf(cls); base !== Serializable && base !== Function.prototype && typeof base === 'function'; base = Object.getPrototypeOf(base)) bases.push(base);
    return bases;
}
export class SerializationMap {`,
    ],
  ]);
  for (const [file, base] of Object.entries(KINDS)) {
    patches.add(new RegExp(`tfjs-layers/dist/${file}\\.js$`), (path, text) => {
      if (text.split(LOOKUP).length !== 2) throw new Error(`${path} is not as expected: ${LOOKUP}`);
      const found = text.replace(LOOKUP, `serialization.SerializationMap.classesOf(${base})`);
      return base === 'Layer' ? `import { Layer } from '../engine/topology';\n${found}` : found;
    });
  }
  patches.add(/tfjs-layers\/dist\/utils\/generic_utils\.js$/, [
    ["_GLOBAL_CUSTOM_OBJECTS['className']", '_GLOBAL_CUSTOM_OBJECTS[className]'],
    ['functionName in customObjects', 'Object.hasOwn(customObjects, functionName)'],
    ['functionName in _GLOBAL_CUSTOM_OBJECTS', 'Object.hasOwn(_GLOBAL_CUSTOM_OBJECTS, functionName)'],
    ['className in customObjects', 'Object.hasOwn(customObjects, className)'],
    ['className in _GLOBAL_CUSTOM_OBJECTS', 'Object.hasOwn(_GLOBAL_CUSTOM_OBJECTS, className)'],
  ]);
}
