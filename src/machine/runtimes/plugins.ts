import type { Release } from './catalogue.ts';

/**
 * PJRT plugins: libraries that compile StableHLO with XLA (openxla.org/xla/pjrt). They are installed like TensorFlow's
 * builds, into the same store.
 */
export const PJRT_CPU: Release = {
  name: 'pjrt-cpu',
  version: '0.11.2',
  tensorflow: '',
  summary: 'XLA on the CPU, as a PJRT plugin: for testing the PJRT engine',
  wheels: [
    {
      project: 'lammps-jax-pjrt-cpu',
      version: '0.11.2',
      file: 'lammps_jax_pjrt_cpu-0.11.2-py3-none-manylinux_2_27_x86_64.whl',
      sha256: '1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1',
      bytes: 62_711_338,
      keep: [/^lammps_jax_pjrt_cpu\/pjrt_c_api_cpu_plugin\.so$/],
    },
  ],
  required: ['lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so'],
  installedBytes: 202_000_000,
};
