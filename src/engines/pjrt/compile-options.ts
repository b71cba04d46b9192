import { ProtoWriter } from '../../base/protobuf/writer.ts';

/**
 * An xla.CompileOptionsProto (xla/pjrt/proto/compile_options.proto) for a program on one device. The counts are
 * required: without them the plugin ends the process.
 */
export function compileOptions(): Uint8Array {
  const build = new ProtoWriter()
    // device_ordinal: the client's default device
    .int(1, -1)
    // num_replicas
    .int(4, 1)
    // num_partitions
    .int(5, 1);
  return new ProtoWriter().bytes(3, build).finish();
}
