/** Layers that tfjs lacks: `tensorcell.layers`. */
export type { MultiHeadAttentionArgs } from './multi-head-attention.ts';
export * from './factories.ts';
