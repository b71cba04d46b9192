/**
 * The TensorFlow runtimes that Tensorcell installs: which wheels they are made of, and what is kept of each.
 *
 * TensorFlow's wheel gives only ranges for the nvidia packages; versions, sizes and hashes are locked here. cuDNN is
 * held at 9.10: later ones may leave out cards as old as sm_60, which the wheel still serves.
 */

import { PYTHON_STUB, stubLibrary } from './python-stub.ts';

/** One wheel, as the package index has it. */
export interface Wheel {
  project: string;
  version: string;
  /** File name; its last parts say for which Python and platform it was built. */
  file: string;
  sha256: string;
  bytes: number;
  /** Paths in the wheel that are kept, by pattern. Licences are kept of every wheel. */
  keep: readonly RegExp[];
  /** Of those, the ones to leave out. */
  drop?: readonly RegExp[];
}

export type RuntimeName = 'cpu' | 'cuda' | 'directml';

/** A set of wheels that is installed into a folder of the store. */
export interface Release {
  name: string;
  version: string;
  /** TensorFlow's own version; empty for a plugin without TensorFlow. */
  tensorflow: string;
  summary: string;
  /** Said before it is fetched. */
  warning?: string;
  wheels: readonly Wheel[];
  /** Files that no wheel has: their contents, by path in the runtime's folder. */
  ours?: Readonly<Record<string, () => Uint8Array>>;
  /** Without these files, relative to the runtime's folder, it is not complete. */
  required: readonly string[];
  /** Space that it takes once installed. */
  installedBytes: number;
}

export interface RuntimeRelease extends Release {
  name: RuntimeName;
}

/** Licence texts, wherever a wheel has them. */
export const LICENCES = [
  /\.dist-info\/(METADATA|LICEN[CS]E[^/]*|NOTICE[^/]*|licenses\/.*)$/i,
  /^([^/]+\/){1,2}(THIRD_PARTY_NOTICES|DirectML_LICENSE|DirectML_ThirdPartyNotices|License)\.txt$/i,
] as const;

const TENSORFLOW = [
  /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/,
  /^tensorflow\/python\/platform\/build_info\.py$/,
];
const LIBRARIES = [/^nvidia\/[^/]+\/lib\/[^/]+\.so(\.[^/]+)?$/];
/** Files that XLA runs or reads to compile for a GPU; it links with libnvJitLink, and the package has no nvlink. */
const COMPILER = [
  /^nvidia\/cuda_nvcc\/bin\/ptxas$/,
  /^nvidia\/cuda_nvcc\/nvvm\/libdevice\/libdevice\.10\.bc$/,
];
/** Libraries that TensorFlow never opens. */
const UNUSED = [/\/libcusolverMg\./, /\/libnvblas\./, /\/libcufftw\./, /\.alt\.so\./];

function wheel(file: string, bytes: number, sha256: string, keep: readonly RegExp[]): Wheel {
  const [project = '', version = ''] = file.split('-');
  return { project: project.replaceAll('_', '-'), version, file, sha256, bytes, keep, drop: UNUSED };
}

export const RUNTIMES: readonly RuntimeRelease[] = [
  {
    name: 'cpu',
    version: '2.21.0',
    tensorflow: '2.21.0',
    summary: 'TensorFlow on the CPU',
    wheels: [
      wheel(
        'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
        274_000_871,
        'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
        TENSORFLOW,
      ),
    ],
    required: ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'],
    installedBytes: 860_000_000,
  },
  {
    name: 'cuda',
    version: '2.21.0',
    tensorflow: '2.21.0',
    summary: 'TensorFlow on NVIDIA cards, with CUDA 12.9 and cuDNN 9.10; needs only the driver',
    wheels: [
      wheel(
        'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
        572_611_111,
        'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
        TENSORFLOW,
      ),
      wheel(
        'nvidia_cublas_cu12-12.9.1.4-py3-none-manylinux_2_27_x86_64.whl',
        581_242_350,
        '453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl',
        10_814_997,
        '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cuda_nvcc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        40_546_229,
        '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
        COMPILER,
      ),
      wheel(
        'nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        89_568_129,
        '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        3_493_179,
        '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl',
        706_758_467,
        '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        200_877_592,
        'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
        LIBRARIES,
      ),
      wheel(
        'nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl',
        68_295_626,
        '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl',
        338_117_415,
        '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
        LIBRARIES,
      ),
      wheel(
        'nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        366_465_088,
        '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
        LIBRARIES,
      ),
      wheel(
        'nvidia_nccl_cu12-2.27.7-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        322_546_339,
        'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa',
        LIBRARIES,
      ),
      wheel(
        'nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        39_748_338,
        'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
        LIBRARIES,
      ),
    ],
    required: [
      'tensorflow/libtensorflow_cc.so.2',
      'tensorflow/libtensorflow_framework.so.2',
      'nvidia/cuda_runtime/lib/libcudart.so.12',
      'nvidia/cublas/lib/libcublas.so.12',
      'nvidia/cudnn/lib/libcudnn.so.9',
      'nvidia/cuda_nvcc/bin/ptxas',
      'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc',
    ],
    installedBytes: 5_150_000_000,
  },
  {
    name: 'directml',
    version: '2.10.1',
    tensorflow: '2.10.1',
    summary:
      "TensorFlow 2.10 with Microsoft's DirectML plugin, in maintenance mode: for AMD and Intel cards on WSL",
    warning:
      'DirectML is in maintenance mode: Microsoft no longer develops it, and it works with TensorFlow 2.10 only, which lacks newer ops. Use CUDA where possible',
    wheels: [
      wheel(
        'tensorflow_cpu-2.10.1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
        214_476_985,
        '0d30c8199b542b7144d7fffa5ee9bd9e539657b15c60a61b7a0ad44a8d1379d2',
        [
          /^tensorflow\/libtensorflow_framework\.so\.2$/,
          /^tensorflow\/python\/_pywrap_tensorflow_internal\.so$/,
        ],
      ),
      wheel(
        'tensorflow_directml_plugin-0.4.0.dev230202-cp310-cp310-manylinux2010_x86_64.whl',
        26_836_917,
        'ecaf259ee58d43724f51eba09d498e8c114567aed2684072ee276b5d1c6a321b',
        [/^tensorflow-plugins\//],
      ),
    ],
    ours: { [PYTHON_STUB]: stubLibrary },
    required: [
      PYTHON_STUB,
      'tensorflow/libtensorflow_framework.so.2',
      'tensorflow/python/_pywrap_tensorflow_internal.so',
      'tensorflow-plugins/libtfdml_plugin.so',
    ],
    installedBytes: 590_000_000,
  },
];

/** The release that Tensorcell installs under this name. */
export function runtimeRelease(name: string): RuntimeRelease | undefined {
  return RUNTIMES.find((release) => release.name === name);
}

/** The CUDA that the release of this name brings along, such as `12.9`; null where it brings none. */
export function cudaOfRelease(name: string): string | null {
  const runtime = runtimeRelease(name)?.wheels.find(({ project }) =>
    project.startsWith('nvidia-cuda-runtime-'),
  );
  return runtime === undefined ? null : runtime.version.split('.').slice(0, 2).join('.');
}
