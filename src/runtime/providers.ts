/** How a session gets its device: ONNX Runtime's execution provider, its options, and the lowering that it wants. */
import type { Target } from '../graph/index.js'
import { type Api, made, type Pointer } from './capi.js'
import type { Device, DeviceKind } from './devices.js'

interface Provider {
  readonly target: Target
  /** What ONNX Runtime calls the device's memory; absent on the processor. */
  readonly memory?: string
  append(api: Api, settings: Pointer, index: number): void
}

/**
 * int64 is computed in the lower 32 bits there: enough for row numbers. Without it sizes, row numbers and comparisons
 * would travel to the processor and back.
 */
const webgpuOptions = { enableInt64: '1' } as const

export const providers: Readonly<Record<DeviceKind, Provider>> = {
  cpu: { target: 'onnxruntime', append: () => undefined },
  cuda: {
    target: 'onnxruntime',
    memory: 'Cuda',
    append(api, settings, index) {
      const options = made(api.CreateCUDAProviderOptions)
      try {
        api.UpdateCUDAProviderOptions(options, ['device_id'], [String(index)], 1)
        api.SessionOptionsAppendExecutionProvider_CUDA_V2(settings, options)
      } finally {
        api.ReleaseCUDAProviderOptions(options)
      }
    },
  },
  webgpu: {
    target: 'webgpu',
    memory: 'WebGPU_Buf',
    append(api, settings) {
      const [keys, values] = [Object.keys(webgpuOptions), Object.values(webgpuOptions)]
      api.SessionOptionsAppendExecutionProvider(settings, 'WebGPU', keys, values, keys.length)
    },
  },
}

/** @throws {Error} what ONNX Runtime says where the device can't be had */
export function appendProvider(api: Api, settings: Pointer, { kind, index }: Device): void {
  providers[kind].append(api, settings, index)
}
