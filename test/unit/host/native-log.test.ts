import { filterNativeLog } from '../../../kernel/runtime-host/native-log.ts';

test('keeps what a user can act on and drops what TensorFlow tells its developers', () => {
  const text = [
    '2026-11-22 16:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.',
    'To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate compiler flags.',
    'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
    'E0000 00:00:1732291200.123456   12345 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been registered',
    'W0000 00:00:1732291200.123456   12345 computation_placer.cc:177] computation placer already registered.',
    '2026-11-22 16:00:00.123456: E external/local_xla/xla/stream_executor/cuda/cuda_platform.cc:51] failed call to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)',
    '2026-11-22 16:00:00.123456: W external/local_xla/xla/tsl/framework/bfc_allocator.cc:501] Allocator (GPU_0_bfc) ran out of memory trying to allocate 4.00GiB',
    '2026-11-22 16:00:00.123456: W tensorflow/core/framework/op_kernel.cc:1855] OP_REQUIRES failed at conv_ops.cc:1: INVALID_ARGUMENT: bad',
    'a line of the user: I am here',
    '',
    'I0000 is a number of mine',
  ].join('\n');
  expect(filterNativeLog(`${text}\n`)).toBe(
    [
      '2026-11-22 16:00:00.123456: W tensorflow/core/framework/op_kernel.cc:1855] OP_REQUIRES failed at conv_ops.cc:1: INVALID_ARGUMENT: bad',
      'a line of the user: I am here',
      '',
      'I0000 is a number of mine',
      '',
    ].join('\n'),
  );
});

test('messages of DirectML and TensorFlow 2.10 about a missing card are replaced by ours', () => {
  const text = [
    "2026-11-22 19:43:09.286488: W tensorflow/c/logging.cc:37] Could not load dynamic library 'libdirectml.d6f0.so'; dlerror: libd3d12.so: cannot open shared object file: No such file or directory",
    '2026-11-22 19:43:09.286555: W tensorflow/c/logging.cc:37] Could not load DirectML.',
    '2026-11-22 19:43:09.286400: I tensorflow/c/logging.cc:34] DirectML device enumeration: found 0 compatible adapters.',
    `2026-11-22 19:43:09.311569: E tensorflow/core/framework/op_kernel.cc:1711] OpKernel ('op: "_CopyFromHostToGpu" device_type: "GPU" host_memory_arg: "input"') for unknown op: _CopyFromHostToGpu`,
    '2026-11-22 19:43:09.286600: W tensorflow/c/logging.cc:37] DirectML: out of descriptors',
  ].join('\n');
  expect(filterNativeLog(text)).toBe(
    '2026-11-22 19:43:09.286600: W tensorflow/c/logging.cc:37] DirectML: out of descriptors',
  );
});

test('a text without a last line end keeps it so', () => {
  expect(filterNativeLog('50 %')).toBe('50 %');
  expect(filterNativeLog('')).toBe('');
});

test('lines that repeat an error, or tell of an optimization that was left out, are not shown', () => {
  const lines = [
    'W0000 00:00:1795378813.334350   20798 local_rendezvous.cc:412] Local rendezvous is aborting with status: INVALID_ARGUMENT: indices[1] = 9 is not in [0, 3)',
    '\t [[{{node op3}}]]',
    "W0000 00:00:1795390034.054913    1901 op_kernel.cc:1858] OP_REQUIRES failed at xla_ops.cc:602 : INVALID_ARGUMENT: Detected unsupported operations when trying to compile graph a[] on XLA_CPU_JIT: CropAndResize (No registered 'CropAndResize' OpKernel for XLA_CPU_JIT devices compatible with node {{node op5}}){{node op5}}",
    'Stack trace for op definition: ',
    '\t [[op11_4]]',
    'The op is created at: ',
    'dummy_file_name:10:dummy_function_name',
    '\ttf2xla conversion failed while converting a[]. Run with TF_DUMP_GRAPH_PREFIX=/path/to/dump/dir and --vmodule=xla_compiler=2 to obtain a dump of the compiled functions.',
    'W0000 00:00:1795389994.029407     443 lstm_ops.cc:938] BlockLSTMOp is inefficient when both batch_size and input_size are odd. You are using: batch_size=3, input_size=3',
    'E0000 00:00:1795378380.714691   32397 util.cc:131] oneDNN supports DT_BOOL only on platforms with AVX-512. Falling back to the default Eigen-based implementation if present.',
    "E0000 00:00:1795378418.024376    1220 meta_optimizer.cc:967] remapper failed: INVALID_ARGUMENT: Mutation::Apply error: fanout 'a' exist for missing node 'b'.",
  ];
  expect(filterNativeLog(`${lines.join('\n')}\nmine\n`)).toBe('mine\n');
});
