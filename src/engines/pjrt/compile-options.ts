import { readFileSync } from 'node:fs';
import { ProtoWriter } from '../../base/protobuf/writer.ts';
import { PjrtError } from './errors.ts';

/** Options of XLA's compiler by name, such as `xla_cpu_enable_fast_math`. */
export type CompilerFlags = readonly (readonly [name: string, value: string])[];

/**
 * Reads XLA_FLAGS: words such as `--xla_dump_to=folder`, or the name of a file with such words
 * (xla/parse_flags_from_env.cc). A word without a value means `true`.
 *
 * @throws PjrtError for a word that is no flag, and for a file that cannot be read
 */
export function compilerFlags(text: string | undefined): CompilerFlags {
  let words = (text ?? '').trim();
  if (words !== '' && !words.startsWith('-')) {
    try {
      words = readFileSync(words, 'utf8');
    } catch {
      throw new PjrtError(
        'INVALID_ARGUMENT',
        `XLA_FLAGS is ${JSON.stringify(words)}: it has to be flags such as --xla_dump_to=folder, or a file with flags`,
      );
    }
  }
  return words
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => {
      const [, name, value = 'true'] = /^--?(\w+)(?:=(.*))?$/.exec(word) ?? [];
      if (name !== undefined) return [name, value];
      throw new PjrtError(
        'INVALID_ARGUMENT',
        `XLA_FLAGS has the word ${JSON.stringify(word)}: flags are --name or --name=value`,
      );
    });
}

/**
 * Flags of every program, by platform. The CPU's compiler otherwise uses instructions for minima and maxima that drop
 * NaN: the maximum of [1, NaN, 3] would be 3, while TensorFlow and the GPUs' compilers give NaN.
 */
const PLATFORM_FLAGS: Readonly<Record<string, CompilerFlags>> = {
  cpu: [['xla_cpu_enable_fast_min_max', 'false']],
};

/** The flags for a platform, with those of XLA_FLAGS, which win. @throws PjrtError for a word that is no flag */
export function flagsFor(platform: string, text: string | undefined): CompilerFlags {
  return [...new Map([...(PLATFORM_FLAGS[platform] ?? []), ...compilerFlags(text)])];
}

/**
 * An xla.CompileOptionsProto (xla/pjrt/proto/compile_options.proto) for a program on one device. The counts are
 * required: without them the plugin ends the process.
 */
export function compileOptions(flags: CompilerFlags = []): Uint8Array {
  const build = new ProtoWriter()
    // device_ordinal: the client's default device
    .int(1, -1)
    // num_replicas
    .int(4, 1)
    // num_partitions
    .int(5, 1);
  const options = new ProtoWriter().bytes(3, build);
  for (const [name, value] of flags) {
    // env_option_overrides, a map to OptionOverrideProto: a text (1) that the compiler reads, or a boolean (2).
    const override = new ProtoWriter();
    if (value === 'true' || value === 'false') override.int(2, value === 'true');
    else override.bytes(1, value);
    options.bytes(7, new ProtoWriter().bytes(1, name).bytes(2, override));
  }
  return options.finish();
}
