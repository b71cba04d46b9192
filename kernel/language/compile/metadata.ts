/**
 * Types for `emitDecoratorMetadata` as tsc emits them. tsc knows every type; swc, which compiles decorators here, knows
 * one file's syntax. So types of that file are written out before, and enums of other files and cells are told from
 * classes when the code runs.
 * https://github.com/microsoft/TypeScript/blob/main/src/compiler/transformers/typeSerializer.ts
 */
import type { Class, MethodDefinition, Node, Program, TSType, TSTypeParameterDeclaration } from 'oxc-parser';
import { childNodes } from './children.ts';
import type { Edits } from './edits.ts';

interface Types {
  /** Aliases of the file, by name; those with parameters, and interfaces, are objects to tsc. */
  aliases: ReadonlyMap<string, TSType | undefined>;
  /** The decorated class. */
  self: string | undefined;
  /** Type parameters around. */
  parameters: ReadonlySet<string>;
  strictNullChecks: boolean;
}

/** Writes types of decorated classes so that swc emits what tsc does. */
export function plainTypes(source: string, program: Program, edits: Edits, strictNullChecks: boolean): void {
  const types: Types = {
    aliases: aliasesOf(program),
    self: undefined,
    parameters: new Set(),
    strictNullChecks,
  };
  const visit = (node: Node): void => {
    if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression')
      classTypes(node, source, edits, types);
    for (const child of childNodes(node)) visit(child);
  };
  visit(program);
}

function aliasesOf(program: Program): Map<string, TSType | undefined> {
  const aliases = new Map<string, TSType | undefined>();
  const values = new Set<string>();
  for (const statement of program.body) {
    const node =
      statement.type === 'ExportNamedDeclaration' && statement.declaration
        ? statement.declaration
        : (statement as Node);
    if (node.type === 'TSTypeAliasDeclaration')
      aliases.set(node.id.name, node.typeParameters ? undefined : node.typeAnnotation);
    else if (node.type === 'TSInterfaceDeclaration') aliases.set(node.id.name, undefined);
    else if ('id' in node && node.id && typeof node.id === 'object' && 'name' in node.id)
      values.add(node.id.name);
  }
  // A class and an interface of one name are one type.
  for (const name of values) aliases.delete(name);
  return aliases;
}

function classTypes(node: Class, source: string, edits: Edits, outer: Types): void {
  const types = { ...within(outer, node.typeParameters), self: node.id?.name };
  const ofClass = node.decorators.length > 0;
  for (const member of node.body.body) {
    switch (member.type) {
      case 'PropertyDefinition':
      case 'AccessorProperty':
        if (member.decorators.length === 0) break;
        if (member.typeAnnotation) writeType(member.typeAnnotation.typeAnnotation, edits, types);
        else edits.after(markEnd(source, member.key.end, member.computed), ': any');
        break;
      case 'MethodDefinition': {
        const { value, kind } = member;
        const decorated =
          member.decorators.length > 0 ||
          value.params.some(
            (parameter) => 'decorators' in parameter && (parameter.decorators?.length ?? 0) > 0,
          );
        if (!decorated && !(kind === 'constructor' && ofClass)) break;
        const inner = within(types, value.typeParameters);
        for (const parameter of value.params) parameterType(parameter, source, edits, inner);
        if (kind === 'get') getterType(member, node, source, edits, inner);
        if (value.returnType) writeType(value.returnType.typeAnnotation, edits, inner);
        break;
      }
      default:
    }
  }
}

/**
 * tsc gives an accessor the type and parameters of its setter: decorators of a getter move there. A getter without either
 * type is an object.
 */
function getterType(
  getter: MethodDefinition,
  { body }: Class,
  source: string,
  edits: Edits,
  types: Types,
): void {
  const { key, value, decorators } = getter;
  const setter = body.body.find(
    (member): member is MethodDefinition =>
      member.type === 'MethodDefinition' &&
      member.kind === 'set' &&
      member.static === getter.static &&
      !member.computed &&
      nameOf(member.key) === nameOf(key),
  );
  if (!setter || getter.computed || setter.decorators.length > 0) {
    if (!value.returnType && value.body) edits.before(value.body.start, ': any ');
    return;
  }
  const [parameter] = setter.value.params;
  const isTyped = parameter && 'typeAnnotation' in parameter && parameter.typeAnnotation;
  // Of a setter without a type tsc takes the getter's for the property, and an object for the parameter.
  if (!isTyped) return;
  const [first] = decorators;
  const last = decorators.at(-1);
  if (!first || !last) return;
  parameterType(parameter, source, edits, types);
  edits.before(setter.start, `${source.slice(first.start, last.end)} `);
  edits.remove(first.start, last.end);
}

function nameOf(key: Node): string | undefined {
  if (key.type === 'Identifier') return key.name;
  return key.type === 'Literal' ? String(key.value) : undefined;
}

function within(types: Types, declared: TSTypeParameterDeclaration | null | undefined): Types {
  if (!declared) return types;
  const names = declared.params.map(({ name }) => name.name);
  return { ...types, parameters: new Set([...types.parameters, ...names]) };
}

/** Behind `?` or `!`, and the bracket of a computed key. */
function markEnd(source: string, end: number, computed: boolean): number {
  let at = end;
  if (computed) at = source.indexOf(']', at) + 1;
  const mark = /^\s*[?!]/u.exec(source.slice(at));
  return at + (mark?.[0].length ?? 0);
}

function parameterType(parameter: Node, source: string, edits: Edits, types: Types): void {
  switch (parameter.type) {
    case 'TSParameterProperty':
      parameterType(parameter.parameter, source, edits, types);
      return;
    case 'AssignmentPattern':
      parameterType(parameter.left, source, edits, types);
      return;
    case 'RestElement': {
      // tsc takes the type of one argument.
      const annotation = parameter.typeAnnotation?.typeAnnotation;
      const element =
        annotation?.type === 'TSArrayType'
          ? annotation.elementType
          : annotation?.type === 'TSTypeReference'
            ? annotation.typeArguments?.params[0]
            : undefined;
      if (annotation)
        edits.replace(annotation.start, annotation.end, element ? serialized(element, types) : 'any');
      return;
    }
    case 'Identifier':
    case 'ObjectPattern':
    case 'ArrayPattern':
      if (parameter.typeAnnotation) writeType(parameter.typeAnnotation.typeAnnotation, edits, types);
      else if (parameter.type === 'Identifier')
        edits.after(markEnd(source, parameter.start + parameter.name.length, false), ': any');
      else edits.after(parameter.end, ': any');
      return;
    default:
  }
}

function writeType(type: TSType, edits: Edits, types: Types): void {
  const text = serialized(type, types);
  if (text !== KEEP) edits.replace(type.start, type.end, text);
}

/** For types that swc emits correctly. */
const KEEP = '';

/** A type that swc serializes as tsc does `type`. */
function serialized(type: TSType, types: Types, depth = 0): string {
  switch (type.type) {
    case 'TSParenthesizedType':
      return serialized(type.typeAnnotation, types, depth);
    case 'TSTypeOperator':
      return type.operator === 'readonly' ? 'any[]' : 'object';
    case 'TSTypeReference':
      return reference(type, types, depth);
    case 'TSUnionType':
    case 'TSIntersectionType': {
      const isUnion = type.type === 'TSUnionType';
      const parts = type.types
        .filter((part) => !isUnion || part.type !== 'TSNeverKeyword')
        .filter((part) => types.strictNullChecks || !isNothing(part))
        .map((part) => serialized(part, types, depth));
      const [first] = parts;
      return first === undefined ? 'void' : parts.every((part) => part === first) ? first : 'object';
    }
    case 'TSArrayType':
    case 'TSTupleType':
      return 'any[]';
    case 'TSStringKeyword':
    case 'TSTemplateLiteralType':
      return 'string';
    case 'TSNumberKeyword':
      return 'number';
    case 'TSBooleanKeyword':
    case 'TSTypePredicate':
      return type.type === 'TSTypePredicate' && type.asserts ? 'void' : 'boolean';
    case 'TSBigIntKeyword':
      return 'bigint';
    case 'TSSymbolKeyword':
      return 'symbol';
    case 'TSVoidKeyword':
    case 'TSUndefinedKeyword':
    case 'TSNullKeyword':
    case 'TSNeverKeyword':
      return 'void';
    case 'TSFunctionType':
    case 'TSConstructorType':
      return '() => void';
    case 'TSLiteralType':
      return literal(type.literal);
    case 'TSConditionalType': {
      const whenTrue = serialized(type.trueType, types, depth);
      return whenTrue === serialized(type.falseType, types, depth) ? whenTrue : 'object';
    }
    default:
      return 'object';
  }
}

function literal(node: Node): string {
  if (node.type === 'TemplateLiteral') return 'string';
  if (node.type === 'UnaryExpression') return literal(node.argument);
  const value = (node as { value?: unknown }).value;
  if (value === null && !('bigint' in node)) return 'void';
  if ('bigint' in node) return 'bigint';
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? typeof value
    : 'object';
}

function isNothing(type: TSType): boolean {
  return type.type === 'TSNullKeyword' || type.type === 'TSUndefinedKeyword';
}

/** Put behind the class's own name, and taken away again after swc. */
const SELF = '$itself$';

const BUILT_IN: Readonly<Record<string, string>> = {
  Array: 'any[]',
  ReadonlyArray: 'any[]',
  Function: '() => void',
};

function reference(type: Extract<TSType, { type: 'TSTypeReference' }>, types: Types, depth: number): string {
  const name = entityName(type.typeName);
  if (name === undefined) return 'object';
  if (types.parameters.has(name)) return 'object';
  if (types.aliases.has(name)) {
    const alias = types.aliases.get(name);
    return alias && depth < 20 ? serialized(alias, types, depth + 1) : 'object';
  }
  // swc takes the class itself for an object.
  if (name === types.self) return name + SELF;
  // Without arguments, which say nothing here.
  return BUILT_IN[name] ?? name;
}

function entityName(node: Node): string | undefined {
  if (node.type === 'Identifier') return node.name;
  if (node.type !== 'TSQualifiedName') return undefined;
  const left = entityName(node.left);
  return left === undefined ? undefined : `${left}.${node.right.name}`;
}

/**
 * An enum's type is that of its values. A class stays itself; an object that is no enum stands for a type of its name.
 * `_ts_metadata` is swc's.
 */
export function withEnumTypes(code: string): string {
  const head = 'function _ts_metadata(metadataKey, metadataValue) {';
  const kinds =
    ' const plain = (value) => Array.isArray(value) ? value.map(plain) :' +
    " typeof value !== 'object' || value === null ? value :" +
    ' ((kinds) => kinds.size !== 1 ? Object : kinds.has("number") ? Number : kinds.has("string") ? String : Object)' +
    '(new Set(Object.keys(value).filter((key) => String(Number(key)) !== key).map((key) => typeof value[key])));' +
    ' metadataValue = plain(metadataValue);';
  return code.replace(head, () => head + kinds).replaceAll(SELF, '');
}

const GUARDED =
  /typeof (?<name>[\p{ID_Start}$_][\p{ID_Continue}$]*) === "undefined" (?:\? Object : \k<name>(?![.\w$])|(?<path>\|\| typeof \k<name>\.))/gu;

/** How often lowered code reads a name for metadata only, where it may be a type without a value. */
export function metadataReads(code: string): ReadonlyMap<string, number> {
  const reads = new Map<string, number>();
  if (!code.includes('_ts_metadata(')) return reads;
  for (const { groups = {} } of code.matchAll(GUARDED)) {
    const { name, path } = groups;
    if (name !== undefined) reads.set(name, (reads.get(name) ?? 0) + (path === undefined ? 2 : 3));
  }
  return reads;
}
