import type { LayerTime, OpTime, ProfileParts } from '../../engines/tensorflow/profile/attribution.ts';

/** How much was copied in one direction. */
export interface Transfers {
  count: number;
  bytes: number;
}

/** The part of a profile that its text and its picture show. Times in ms. */
export interface ProfileReport {
  readonly wallMs: number;
  /** The wall time in parts that add up to it. */
  readonly parts: ProfileParts;
  readonly ops: readonly OpTime[];
  readonly layers: readonly LayerTime[];
  /** Compiled steps that were run. */
  readonly graphs: number;
  /** Ops that ran eagerly. */
  readonly opByOp: number;
  readonly uploads: Transfers;
  readonly downloads: Transfers;
  /** The part that this profile cannot know, in words. */
  readonly note: string | undefined;
}
