export { declaredHint, errorHint, typeHint } from './hints.ts';
export { likelyTypo, nearestKnown } from './near.ts';
export { inTypeScript, pythonMember, tensorflowMember } from './python.ts';
export type { Receiver } from './python.ts';
export { syntaxHint } from './syntax.ts';
