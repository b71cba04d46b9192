/**
 * Native libraries log for their developers. Kept is what a user can act on: errors, and warnings of libraries
 * other than TensorFlow's own machinery. Pure; one line without its end.
 */
function keepsNativeLine(line: string): boolean {
  if (line.startsWith('Waiting for the debugger to disconnect...')) return false;
  if (line.startsWith('WARNING: All log messages before absl::InitializeLog()')) return false;
  const severity = severityOf(line);
  if (severity === undefined) return !isContinuation(line);
  if (severity === 'I') return false;
  if (severity === 'W') return !WARNINGS.test(line);
  return !ERRORS.test(line);
}

/** `2026-11-22 16:00:00.123456: I tensorflow/…` and glog's `I0000 00:00:17… 123 file.cc:45] …`. */
function severityOf(line: string): 'I' | 'W' | 'E' | 'F' | undefined {
  const match =
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?<dated>[IWEF]) (?:external\/|tensorflow\/|tsl\/|xla\/|\S+\.(?:cc|h):\d+\])/u.exec(
      line,
    ) ?? /^(?<plain>[IWEF])\d{4} \d\d:\d\d:\d+\.\d+\s+\d+ \S+:\d+\]/u.exec(line);
  return (match?.groups?.['dated'] ?? match?.groups?.['plain']) as 'I' | 'W' | 'E' | 'F' | undefined;
}

/** Second lines of TensorFlow's messages: about the CPU's instructions, and where in a graph something failed. */
function isContinuation(line: string): boolean {
  return /^To enable the following instructions: .*, in other operations, rebuild TensorFlow|^The op is created at: $|^Stack trace for op definition: $|^dummy_file_name:\d+:dummy_function_name$|^\ttf2xla conversion failed|^\s+\[\[(?:\{\{node [^}]*\}\}|op\d+_\d+)\]\]/u.test(
    line,
  );
}

/** Warnings about TensorFlow's own build or start that users of a notebook cannot change, or that repeat an error. */
const WARNINGS =
  /local_rendezvous\.cc.*aborting with status|computation[ _]placer already registered|cpu_utils\.cc|oneDNN custom operations|AutoGraph|TF-TRT Warning|Could not find TensorRT|gpu_device\.cc.*Cannot dlopen some GPU libraries|NUMA node|mlir_graph_optimization_pass|cudart_stub|cuda_executor\.cc|Allocation of \d+ exceeds \d+% of free system memory|bfc_allocator\.cc|c\/logging\.cc.*Could not load (?:dynamic library|DirectML)|OP_REQUIRES failed .*RESOURCE_EXHAUSTED|OP_REQUIRES failed at .*on XLA_\w+_JIT|OP_REQUIRES failed at xla_ops\.cc|BlockLSTMOp is inefficient|If the cause is memory fragmentation|Current allocation summary follows/u;

/** Errors that TensorFlow 2 logs on every start (double registration), and `cuInit` without a driver. For ops that DirectML lacks there is a separate message. */
const ERRORS =
  /Unable to register cu(?:DNN|BLAS|FFT) (?:plugin )?factory|failed call to cuInit|Attempting to register factory for plugin cu|for unknown op: _CopyFrom(?:HostToGpu|GpuToHost)|oneDNN supports DT_\w+ only on platforms|meta_optimizer\.cc.*remapper failed: .*Mutation::Apply/u;

/** The same for a text of whole lines. */
export function filterNativeLog(text: string): string {
  if (text === '') return '';
  const ended = text.endsWith('\n');
  const lines = (ended ? text.slice(0, -1) : text).split('\n').filter(keepsNativeLine);
  if (lines.length === 0) return '';
  return lines.join('\n') + (ended ? '\n' : '');
}
