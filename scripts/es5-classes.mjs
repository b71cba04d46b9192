// Classes that a package's compiler lowered to ES5 functions. Such a constructor calls its parent as a function, which a
// real class refuses ("cannot be invoked without 'new'"); tfjs's ES files have real classes.

/** The call of a parent's constructor as TypeScript lowers it, with its own or with all arguments. */
const CALL = /\b(_super\d*)\.call\(this(?=\s*[,)])/g;
const APPLY = /\b(_super\d*)\.apply\(this, arguments\)/g;

/**
 * The text of a file with each parent's constructor called by `Reflect.construct`.
 *
 * @param {string} text
 */
export function constructible(text) {
  const changed = text.replaceAll(APPLY, 'Reflect.construct($1, arguments, new.target)');
  // No parenthesis has to be matched: the arguments stay where they are, as those of another function.
  const called = changed.replaceAll(CALL, '__constructParent(new.target, $1');
  if (called === changed) return called;
  return `${called}
function __constructParent(target, parent) {
  return Reflect.construct(parent, Array.prototype.slice.call(arguments, 2), target);
}
`;
}

/** The forms of a lowered call of a parent's constructor: TypeScript, Babel, and both with `apply`. */
const LEFT = /\b_super\d*\.(?:call|apply)\(this\b|\b_possibleConstructorReturn\w*\(|\b_callSuper\w*\(/g;

/**
 * Calls of a parent's constructor as a function that are in a bundle's text: lines, counted from 1, with their text. In
 * a bundle with real classes each may be one that throws.
 *
 * @param {string} text
 */
export function es5SuperCalls(text) {
  return [...text.matchAll(LEFT)].map(({ index }) => {
    const before = text.slice(0, index);
    const line = before.split('\n').length;
    const end = text.indexOf('\n', index);
    const whole = text.slice(before.lastIndexOf('\n') + 1, end < 0 ? undefined : end);
    return `line ${line}: ${whole.trim()}`;
  });
}
