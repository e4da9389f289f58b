/** What to type for what a machine lacks. */
import { dirname, join } from 'node:path'
import { humanBytes } from '../base/index.js'
import type { Diagnosis } from './doctor.js'

interface Remedy {
  readonly applies: (found: Diagnosis) => boolean
  readonly line: (found: Diagnosis) => string
}

/** LST's gradients beside T5-base are 72 MB a worker. */
const leastSharedMemory = 256e6
const leastCache = 1e9

const lacks =
  (use: string, name: RegExp = /./) =>
  ({ files }: Diagnosis) =>
    files.some((file) => file.for === use && !file.found && name.test(file.name))

const has =
  (use: string, name: RegExp = /./) =>
  ({ files }: Diagnosis) =>
    files.some((file) => file.for === use && file.found && name.test(file.name))

const onnxruntimeFolder = ({ files }: Diagnosis) =>
  dirname(files.find((file) => file.for === 'onnxruntime')?.name ?? '.')

const remedies: readonly Remedy[] = [
  {
    applies: lacks('cuda', /libcuda\.so/),
    line: () => 'cuda: for an NVIDIA GPU, install its driver (Debian: apt install nvidia-driver)',
  },
  {
    applies: lacks('cuda', /providers/),
    line: (found) =>
      `cuda: node ${join(onnxruntimeFolder(found), '../../../../script/install.js')} --onnxruntime-node-install=cuda12 ` +
      'fetches the provider, or name the folder of a CUDA build of the same ONNX Runtime in VL_LST_ONNXRUNTIME',
  },
  {
    applies: (found) =>
      has('cuda', /providers_cuda/)(found) && lacks('cuda', /cublas|cudart|curand|cudnn/)(found),
    line: ({ files }) => {
      const missing = files.filter(
        (file) => file.for === 'cuda' && !file.found && !/libcuda\.|providers/.test(file.name),
      )
      return `cuda: install ${missing.map(({ name }) => name).join(', ')} (NVIDIA's CUDA runtime and cuDNN 9), and name their folder in LD_LIBRARY_PATH`
    },
  },
  {
    applies: lacks('webgpu', /libvulkan/),
    line: () =>
      'webgpu: install Vulkan (Debian: apt install libvulkan1, and mesa-vulkan-drivers or your GPU’s own)',
  },
  {
    applies: ({ obstacles }) => /adapter|driver/i.test(obstacles.webgpu ?? ''),
    line: () =>
      'webgpu: install a Vulkan driver for your GPU (Debian: apt install mesa-vulkan-drivers), or name its .json in VK_DRIVER_FILES',
  },
  {
    applies: (found) => lacks('mpi')(found) && !has('mpi')(found),
    line: () => 'several machines: install MPI (Debian: apt install openmpi-bin libopenmpi3)',
  },
  {
    applies: ({ sharedMemory }) => sharedMemory !== null && sharedMemory.free < leastSharedMemory,
    line: ({ sharedMemory }) =>
      `workers: ${sharedMemory!.folder} has less than ${humanBytes(leastSharedMemory)}: mount -o remount,size=1G ${sharedMemory!.folder} (Docker: --shm-size 1g)`,
  },
  {
    applies: ({ cache }) => cache.free < leastCache,
    line: ({ cache }) =>
      `cache: ${cache.folder} has less than ${humanBytes(leastCache)}: name another folder in VL_LST_CACHE`,
  },
]

/** One line a remedy that this machine wants. */
export function advice(found: Diagnosis): readonly string[] {
  return remedies.filter(({ applies }) => applies(found)).map(({ line }) => line(found))
}
