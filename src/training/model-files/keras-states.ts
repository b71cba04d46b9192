import type * as Tf from '@tensorflow/tfjs';

import { layerFields, type LayerCell } from '../../tfjs/layers-view.ts';

type Layer = Tf.layers.Layer;
type Cell = Pick<LayerCell, 'cells' | 'stateSize'>;

function plainCells(cell: Cell): readonly Cell[] {
  return cell.cells === undefined ? [cell] : cell.cells.flatMap((inner) => plainCells(inner));
}

const stateCount = ({ stateSize }: Cell): number => (typeof stateSize === 'number' ? 1 : stateSize.length);

/**
 * For each state in Keras's order its place in tfjs's. The states of stacked cells come from the first cell to the last in
 * Keras (keras/src/layers/rnn/stacked_rnn_cells.py), and from the last to the first in tfjs; those of one cell alike in both.
 */
function statePlaces(layer: Layer): number[] {
  const { cell, forwardLayer, backwardLayer } = layerFields(layer);
  if (forwardLayer !== undefined && backwardLayer !== undefined) {
    const first = statePlaces(forwardLayer);
    return [...first, ...statePlaces(backwardLayer).map((place) => first.length + place)];
  }
  if (cell === undefined) return [];
  const counts = plainCells(cell).map(stateCount);
  return counts.flatMap((count, at) => {
    const behind = counts.slice(at + 1).reduce((sum, each) => sum + each, 0);
    return Array.from({ length: count }, (_, index) => behind + index);
  });
}

/** How many outputs of a layer come before its states. */
function outputsBefore(layer: Layer): number {
  const { forwardLayer, mergeMode } = layerFields(layer);
  return forwardLayer !== undefined && (mergeMode === null || mergeMode === undefined) ? 2 : 1;
}

/** A layer's outputs in Keras's order, from tfjs's. */
export function outputsInKeras<T>(layer: Layer, outputs: readonly T[]): readonly T[] {
  const places = statePlaces(layer);
  const before = outputsBefore(layer);
  if (outputs.length !== before + places.length) return outputs;
  return [...outputs.slice(0, before), ...places.map((place) => outputs[before + place] as T)];
}

/** The number in Keras of the output that has the number `tensor` in tfjs. */
export function outputInKeras(layer: Layer, tensor: number): number {
  const before = outputsBefore(layer);
  const found = statePlaces(layer).indexOf(tensor - before);
  return tensor < before || found < 0 ? tensor : before + found;
}

/** First states in tfjs's order, from Keras's. */
export function statesFromKeras<T>(layer: Layer, states: readonly T[]): readonly T[] {
  const places = statePlaces(layer);
  // The layer itself reports a wrong number of states.
  return states.length === places.length ? states.map((_, at) => states[places.indexOf(at)] as T) : states;
}

/** First states as Keras takes them, from tfjs's order: those of stacked cells in a list for each cell. */
export function statesToKeras(layer: Layer, states: readonly unknown[]): unknown[] {
  const places = statePlaces(layer);
  const ordered = states.length === places.length ? places.map((place) => states[place]) : [...states];
  return nested(layer, ordered);
}

function nested(layer: Layer, ordered: readonly unknown[]): unknown[] {
  const { cell, forwardLayer, backwardLayer } = layerFields(layer);
  if (forwardLayer !== undefined && backwardLayer !== undefined) {
    const half = ordered.length / 2;
    return [...nested(forwardLayer, ordered.slice(0, half)), ...nested(backwardLayer, ordered.slice(half))];
  }
  const rest = [...ordered];
  const take = (part: Cell): unknown =>
    part.cells === undefined ? rest.splice(0, stateCount(part)) : part.cells.map((inner) => take(inner));
  return cell?.cells === undefined ? rest : (take(cell) as unknown[]);
}
