import type { Binding } from './binding.ts';

/** Runs `action` with ops placed on the CPU. */
export function onCpu<T>(binding: Binding, action: () => T): T {
  const { device } = binding;
  binding.device = '/device:CPU:0';
  try {
    return action();
  } finally {
    binding.device = device;
  }
}
