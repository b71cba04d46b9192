import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as H5wasm from 'h5wasm/node';
import { malformed, ModelFileError } from './errors.ts';

/** An array of a weights file, by its path: `layers/dense/vars/0`. */
export interface StoredArray {
  shape: number[];
  values: Float32Array | BigInt64Array;
}

export interface StoredGroup {
  /** Keras notes the layer's name here. */
  name?: string;
  arrays: StoredArray[];
}

/** h5wasm holds a file in 32-bit memory. */
const MOST_BYTES = 2 ** 31 - 2 ** 26;

let loading: Promise<typeof H5wasm> | undefined;

async function hdf5(): Promise<typeof H5wasm> {
  loading ??= (async () => {
    const module = await import('h5wasm/node');
    await module.ready;
    return module;
  })();
  return loading;
}

/**
 * An HDF5 file with a group for each path, its arrays named by their numbers, as Keras 3 writes weights.
 *
 * @throws ModelFileError for 2 GB and more.
 */
export async function writeHdf5(groups: ReadonlyMap<string, StoredGroup>): Promise<Buffer> {
  const bytes = [...groups.values()]
    .flatMap(({ arrays }) => arrays)
    .reduce((sum, { values }) => sum + values.byteLength, 0);
  if (bytes >= MOST_BYTES) {
    throw new ModelFileError(
      'TENSORCELL_MODEL_TOO_LARGE',
      `the weights are ${(bytes / 2 ** 30).toFixed(1)} GB, and .keras files are written up to 2 GB: save to a folder instead, as in saveModel(model, 'my-model')`,
    );
  }
  const { File, Group } = await hdf5();
  return withFolder((folder) => {
    const path = join(folder, 'weights.h5');
    const file = new File(path, 'w');
    try {
      const made = new Set<string>();
      for (const [group, { name, arrays }] of groups) {
        let parent = '';
        for (const part of group.split('/')) {
          parent = parent === '' ? part : `${parent}/${part}`;
          if (!made.has(parent)) file.create_group(parent);
          made.add(parent);
        }
        const entity = file.get(group);
        if (name !== undefined && entity instanceof Group) entity.create_attribute('name', name);
        for (const [index, { shape, values }] of arrays.entries()) {
          file.create_dataset({
            name: `${group}/${index}`,
            data: values,
            shape,
            dtype: values instanceof Float32Array ? '<f' : '<q',
          });
        }
      }
    } finally {
      file.close();
    }
    return readFileSync(path);
  });
}

/** Every array of such a file by its path. @throws ModelFileError for what is no HDF5 file. */
export async function readHdf5(bytes: Uint8Array, name: string): Promise<Map<string, StoredArray>> {
  const { File } = await hdf5();
  return withFolder((folder) => {
    const path = join(folder, 'weights.h5');
    writeFileSync(path, bytes);
    let file: InstanceType<typeof File>;
    try {
      file = new File(path, 'r');
    } catch (error) {
      throw malformed(`${name} is no HDF5 file`, error);
    }
    try {
      const arrays = new Map<string, StoredArray>();
      for (const inner of file.paths()) {
        const entity = file.get(inner) as { type?: string; shape?: number[] | null; value?: unknown } | null;
        if (entity?.type !== 'Dataset') continue;
        const { value } = entity;
        const key = inner.replace(/^\//, '');
        if (value instanceof Float32Array || value instanceof BigInt64Array) {
          arrays.set(key, { shape: [...(entity.shape ?? [])], values: value });
        } else if (typeof value === 'number' || typeof value === 'bigint') {
          const values = typeof value === 'number' ? Float32Array.of(value) : BigInt64Array.of(value);
          arrays.set(key, { shape: [], values });
        } else if (ArrayBuffer.isView(value) && 'length' in value) {
          arrays.set(key, {
            shape: [...(entity.shape ?? [])],
            values: Float32Array.from(value as Float64Array),
          });
        }
      }
      return arrays;
    } finally {
      file.close();
    }
  });
}

function withFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-hdf5-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
