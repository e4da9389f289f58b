/** SwiftShader: a GPU in software, which comes with Debian's chromium. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openShared } from '../../src/runtime/shared.js'

const folder = '/usr/lib/chromium'
const driver = join(folder, 'vk_swiftshader_icd.json')
const loader = 'libvulkan.so.1'

/** Whether tests on it can run; where `VL_LST_STRICT` is set, they must. */
export const hasSwiftShader = process.env.VL_LST_STRICT === '1' || existsSync(driver)

/** What a process needs in its environment to see SwiftShader as its one GPU. */
export const swiftShaderEnvironment = { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: driver } as const

/** The same for this process, whose search path is fixed: the loader is found because it is there already. */
export function useSwiftShader(): void {
  process.env.VK_ICD_FILENAMES = driver
  openShared(join(folder, loader))
}
