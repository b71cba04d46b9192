/** Layers that tfjs lacks: `tensorcell.layers`. */
export { multiHeadAttention, type MultiHeadAttentionArgs } from './multi-head-attention.ts';
export * from './factories.ts';
