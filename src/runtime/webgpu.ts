/**
 * WebGPU as ONNX Runtime bundles it: through Vulkan on Linux, the system's own on Windows and macOS. It takes one
 * adapter, the one that the system names first, so there is at most one device.
 */
import koffi from 'koffi'
import { capi, made } from './capi.js'
import type { Presence } from './devices.js'
import { appendProvider } from './providers.js'
import { openShared } from './shared.js'

export const vulkanLoader = 'libvulkan.so.1'

export function webgpuPresence(): Presence {
  const adapters = process.platform === 'linux' ? vulkanAdapters() : [`the first of ${process.platform}`]
  if (adapters === undefined) return { devices: [], obstacle: `missing: ${vulkanLoader}` }
  const [first] = adapters
  if (first === undefined) return { devices: [], obstacle: 'no Vulkan driver offers an adapter' }
  const refusal = adapterRefusal()
  return refusal === undefined ? { devices: [first] } : { devices: [], obstacle: `${first}: ${refusal}` }
}

/** Why ONNX Runtime gets no adapter, in its words. */
function adapterRefusal(): string | undefined {
  const api = capi()
  const settings = made(api.CreateSessionOptions)
  try {
    appendProvider(api, settings, { kind: 'webgpu', index: 0 })
    return undefined
  } catch (error) {
    return String(error instanceof Error ? error.message : error)
      .trim()
      .split(/[:\n]\s+/)
      .at(-1)!
  } finally {
    api.ReleaseSessionOptions(settings)
  }
}

const createInfoBytes = 64
const createInfoType = 1
const propertiesBytes = 1024 // 824 in Vulkan 1.x
const nameAt = 20
const nameBytes = 256

/** The names of Vulkan's adapters in the loader's order; `undefined` without loader. */
function vulkanAdapters(): readonly string[] | undefined {
  const library = openShared(vulkanLoader)
  if (!library) return undefined
  const create = library.func('int vkCreateInstance(const uint8_t*, void*, _Out_ void**)')
  const destroy = library.func('void vkDestroyInstance(void*, void*)')
  const enumerate = library.func('int vkEnumeratePhysicalDevices(void*, _Inout_ uint32_t*, void*)')
  const describe = library.func('void vkGetPhysicalDeviceProperties(void*, _Out_ uint8_t*)')
  const info = Buffer.alloc(createInfoBytes)
  info.writeUInt32LE(createInfoType)
  const instance: [unknown] = [null]
  if (create(info, null, instance) !== 0) return [] // no driver
  try {
    const count = [0]
    if (enumerate(instance[0], count, null) !== 0) return []
    const handles = Buffer.alloc(count[0]! * 8)
    enumerate(instance[0], count, handles)
    return Array.from({ length: count[0]! }, (_, i) => {
      const properties = Buffer.alloc(propertiesBytes)
      describe(koffi.decode(handles, i * 8, 'void*'), properties)
      const name = properties.subarray(nameAt, nameAt + nameBytes)
      return name.toString('utf8', 0, name.indexOf(0))
    })
  } finally {
    destroy(instance[0], null)
  }
}
