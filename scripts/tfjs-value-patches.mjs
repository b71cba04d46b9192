// Values that tfjs makes tensors of without a look at them: rows of different lengths, and what is no number.

const edits = [
  [
    `    if (Array.isArray(val) &&
        env().getBool('TENSORLIKE_CHECK_SHAPE_CONSISTENCY')) {
        deepAssertShapeConsistency(val, shape, []);
    }`,
    `    if (Array.isArray(val)) {
        // tfjs's own look, in its debug mode, has shorter texts.
        if (env().getBool('TENSORLIKE_CHECK_SHAPE_CONSISTENCY')) deepAssertShapeConsistency(val, shape, []);
        checkElements(val, shape, 0, [], dtype === 'string' || (dtype == null && typeof firstElem === 'string'));
    }`,
  ],
  [
    'function deepAssertShapeConsistency(val, shape, indices) {',
    `/** Rows are equally long, and have numbers in them. The texts are tfjs's, which looks in its debug mode only. */
function checkElements(val, shape, depth, path, texts) {
    const last = depth === shape.length - 1;
    const name = (i) => \`arr[\${[...path, i].join('][')}]\`;
    for (let i = 0; i < val.length; i++) {
        const element = val[i];
        const list = Array.isArray(element) || (isTypedArray(element) && !texts);
        if (last) {
            if (typeof element === 'number') continue;
            if (list) {
                throw new Error(\`Element \${name(i)} should be a primitive, but is an array of \${element.length} elements. \` +
                    'All rows of a tensor have the same depth.');
            }
            if (texts || typeof element === 'boolean') continue;
            if (element === undefined || element === null || typeof element === 'object' || typeof element === 'function') {
                const what = element == null ? String(element) : \`an object (\${element.constructor?.name ?? 'Object'})\`;
                throw new Error(\`Element \${name(i)} is \${what}: a tensor holds numbers, truth values or texts. \` +
                    'Give NaN or another number for a missing value; tf.stack makes one tensor of several.');
            }
            continue;
        }
        const length = shape[depth + 1];
        if (!list) {
            throw new Error(\`Element \${name(i)} is a primitive, but should be an array/TypedArray of \${length} elements. \` +
                'All rows of a tensor have the same depth.');
        }
        if (element.length !== length) {
            throw new Error(\`Element \${name(i)} should have \${length} elements, but has \${element.length} elements. \` +
                'All rows of a tensor have the same length: pad the short ones, or leave them out.');
        }
        if (Array.isArray(element)) {
            path.push(i);
            checkElements(element, shape, depth + 1, path, texts);
            path.pop();
        }
    }
}
function deepAssertShapeConsistency(val, shape, indices) {`
      .replaceAll('\\`', '`')
      .replaceAll('\\$', '$'),
  ],
];

export function patchValues(patches) {
  // A length of 1 may become 0.
  patches.add(/tfjs-core\/dist\/ops\/broadcast_to\.js$/, [['n > 1 ? i : -1', 'n !== 1 ? i : -1']]);
  patches.add(/tfjs-core\/dist\/tensor_util_env\.js$/, edits);
}
