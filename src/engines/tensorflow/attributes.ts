import { ATTR } from '../dtypes.ts';
import type { CApi, Pointer } from './c-api/functions.ts';
import type { OpAttribute } from '../ops.ts';
import { cText, type Status } from './c-api/library.ts';
import { checkShape } from '../shape.ts';
import { int64List } from './c-api/tensor.ts';

const encoder = new TextEncoder();

/** A list's own bytes, at least one: koffi passes no pointer for an empty array. */
function floats(values: readonly number[]): Float32Array {
  return values.length > 0 ? Float32Array.from(values) : new Float32Array(1);
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint';
const isWhole = (value: unknown): boolean => Number.isInteger(value) || typeof value === 'bigint';

/** The values of each kind of attribute, in code and in words. A flag that is not given is false. */
const KINDS: Readonly<Record<number, readonly [string, (value: unknown) => boolean]>> = {
  [ATTR.STRING]: ['a string', (value) => typeof value === 'string' || value instanceof Uint8Array],
  [ATTR.INT]: ['a whole number', isWhole],
  [ATTR.FLOAT]: ['a number', isNumber],
  [ATTR.BOOL]: ['true or false', (value) => typeof value === 'boolean' || value === undefined],
  [ATTR.TYPE]: ['the number of a dtype', isWhole],
};

/** Refuses a value that would become another one on its way to C. @throws TypeError naming the attribute and the value */
export function checkAttribute({ name, type, value }: OpAttribute): void {
  const kind = KINDS[type];
  if (kind === undefined) return;
  const [words, fits] = kind;
  const values: readonly unknown[] = Array.isArray(value) && type !== ATTR.STRING ? value : [value];
  for (const one of values) {
    if (fits(one)) continue;
    const given = typeof one === 'object' && one !== null ? one.constructor.name : String(one);
    throw new TypeError(`attribute ${name} is ${words}, or a list of such, and not ${given}`);
  }
}

/** Sets one attribute of an eager op. @throws TypeError for a value of another kind */
export function setAttribute(api: CApi, op: Pointer, status: Status, attribute: OpAttribute): void {
  checkAttribute(attribute);
  const name = cText(attribute.name);
  const value = attribute.value;
  switch (attribute.type) {
    case ATTR.STRING: {
      const bytes = encoder.encode(value as string);
      api.TFE_OpSetAttrString(op, name, bytes.length > 0 ? bytes : new Uint8Array(1), bytes.length);
      break;
    }
    case ATTR.INT:
      if (Array.isArray(value))
        api.TFE_OpSetAttrIntList(op, name, int64List(value as number[]), value.length);
      else api.TFE_OpSetAttrInt(op, name, Number(value));
      break;
    case ATTR.FLOAT:
      if (Array.isArray(value)) api.TFE_OpSetAttrFloatList(op, name, floats(value as number[]), value.length);
      else api.TFE_OpSetAttrFloat(op, name, Number(value));
      break;
    case ATTR.BOOL:
      if (Array.isArray(value)) {
        const bytes = Uint8Array.from([...(value as unknown[]).map(Number), 0]);
        api.TFE_OpSetAttrBoolList(op, name, bytes, value.length);
      } else {
        api.TFE_OpSetAttrBool(op, name, value ? 1 : 0);
      }
      break;
    case ATTR.TYPE:
      if (Array.isArray(value)) {
        api.TFE_OpSetAttrTypeList(op, name, Int32Array.from([...(value as number[]), 0]), value.length);
      } else {
        api.TFE_OpSetAttrType(op, name, value as number);
      }
      break;
    case ATTR.SHAPE: {
      const shape = value as readonly number[] | null | undefined;
      checkShape(shape ?? [], `attribute ${attribute.name}`, true);
      api.TFE_OpSetAttrShape(op, name, int64List(shape ?? []), shape ? shape.length : -1, status.pointer);
      status.check(attribute.name);
      break;
    }
    default:
      throw new TypeError(`attribute ${attribute.name} has the unknown kind ${attribute.type}`);
  }
}
