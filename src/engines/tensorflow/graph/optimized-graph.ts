import type { Binding } from '../binding.ts';
import { protoText, readProto } from '../../../base/protobuf/reader.ts';

/**
 * Runs `body` and gives, for every function that TensorFlow ran in it, how many ops of each kind were left after
 * TensorFlow's optimizer. For tests and profiles: collecting slows TensorFlow down.
 */
export function optimizedOps(binding: Binding, body: () => void): Map<string, number>[] {
  const { api, pointer } = binding.context;
  api.TFE_ContextEnableRunMetadata(pointer);
  try {
    body();
    const buffer = api.TF_NewBuffer();
    api.TFE_ContextExportRunMetadata(pointer, buffer, binding.status.pointer);
    binding.status.check();
    // struct TF_Buffer { const void *data; size_t length; … }
    const words = new BigUint64Array(2);
    api.copyOut(words, buffer, 16);
    const bytes = new Uint8Array(Number(words[1]));
    api.copyOut(bytes, Number(words[0]), bytes.length);
    api.TF_DeleteBuffer(buffer);
    // RunMetadata { function_graphs = 4 { post_optimization_graph = 3: GraphDef { node = 1: NodeDef { op = 2 } } } }
    return nested(bytes, 4).flatMap((graphs) =>
      nested(graphs, 3).map((graph) => {
        const ops = new Map<string, number>();
        for (const node of nested(graph, 1)) {
          const op = protoText(readProto(node), 2);
          ops.set(op, (ops.get(op) ?? 0) + 1);
        }
        return ops;
      }),
    );
  } finally {
    api.TFE_ContextDisableRunMetadata(pointer);
  }
}

function nested(bytes: Uint8Array, wanted: number): Uint8Array[] {
  return readProto(bytes).flatMap(({ field, value }) =>
    field === wanted && value instanceof Uint8Array ? [value] : [],
  );
}
