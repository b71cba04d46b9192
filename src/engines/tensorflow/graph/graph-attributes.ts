import { FUNCTION, type OpAttribute } from '../../ops.ts';
import { checkAttribute } from '../attributes.ts';
import { ATTR } from '../../dtypes.ts';
import type { CApi, Pointer } from '../c-api/functions.ts';
import { cText } from '../c-api/library.ts';
import { checkShape } from '../../shape.ts';
import { int64List } from '../c-api/tensor.ts';

const encoder = new TextEncoder();

/** Sets one attribute of an operation that is being added to a graph. @throws TypeError for a value of another kind */
export function setGraphAttribute(api: CApi, node: Pointer, attribute: OpAttribute): void {
  checkAttribute(attribute);
  const { name: text, type, value } = attribute;
  const name = cText(text);
  const list = Array.isArray(value) ? (value as number[]) : undefined;
  switch (type) {
    case ATTR.STRING: {
      const bytes = value instanceof Uint8Array ? value : encoder.encode(value as string);
      api.TF_SetAttrString(node, name, bytes.length > 0 ? bytes : new Uint8Array(1), bytes.length);
      break;
    }
    case ATTR.INT:
      if (list) api.TF_SetAttrIntList(node, name, int64List(list), list.length);
      else api.TF_SetAttrInt(node, name, Number(value));
      break;
    case ATTR.FLOAT:
      if (list) api.TF_SetAttrFloatList(node, name, Float32Array.from([...list, 0]), list.length);
      else api.TF_SetAttrFloat(node, name, Number(value));
      break;
    case ATTR.BOOL:
      if (list) api.TF_SetAttrBoolList(node, name, Uint8Array.from([...list.map(Number), 0]), list.length);
      else api.TF_SetAttrBool(node, name, value ? 1 : 0);
      break;
    case ATTR.TYPE:
      if (list) api.TF_SetAttrTypeList(node, name, Int32Array.from([...list, 0]), list.length);
      else api.TF_SetAttrType(node, name, value as number);
      break;
    case ATTR.SHAPE:
      checkShape(list ?? [], 'an attribute', true);
      api.TF_SetAttrShape(node, name, int64List(list ?? []), list ? list.length : -1);
      break;
    case FUNCTION: {
      const functionName = value as string;
      api.TF_SetAttrFuncName(node, name, cText(functionName), encoder.encode(functionName).length);
      break;
    }
    default:
      throw new TypeError(`attribute ${text} has the unknown kind ${type}`);
  }
}
