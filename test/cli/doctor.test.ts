import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { hasSwiftShader, swiftShaderEnvironment } from '../support/swiftShader.js'
import { refusal, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
/** No GPU, whatever the machine has. */
const noDriver = { VK_DRIVER_FILES: join(folder, 'none.json'), VK_ICD_FILENAMES: join(folder, 'none.json') }

interface Told {
  readonly versions: Readonly<Record<string, string>>
  readonly devices: readonly { readonly device: string; readonly name: string }[]
  readonly obstacles: Readonly<Record<string, string>>
  readonly files: readonly { readonly for: string; readonly name: string; readonly found: boolean }[]
  readonly cores: number
  readonly mend: readonly string[]
}

const told = async (over: Readonly<Record<string, string>>): Promise<Told> => {
  const { code, out, err } = await run(['doctor', '--json'], folder, over)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as Told
}

test('it tells versions, devices, files and what to type', async () => {
  const { code, out, err } = await run(['doctor'], folder, noDriver)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  for (const heading of ['Versions', 'Machine', 'Devices', 'Files', 'To mend'])
    expect(out).toMatch(new RegExp(`^${heading}$`, 'm'))
  expect(out).toMatch(new RegExp(`^ {2}vl-lst +${packageJson.version.replaceAll('.', '\\.')}$`, 'm'))
  expect(out).toMatch(/^ {2}onnxruntime-node +1\.30\.0$/m)
  expect(out).toMatch(/^ {2}cores +\d+ +\S/m)
  expect(out).toMatch(/^ {2}memory +[\d.]+ [MG]B free +of [\d.]+ [MG]B$/m)
  expect(out).toMatch(/^ {2}cache +[\d.]+ [MG]B free +\/\S+cache$/m)
  expect(out).toMatch(/^ {2}found +onnxruntime +\S+libonnxruntime/m)
})

test('without a driver there is no WebGPU, and it says which file and what to install', async () => {
  const { devices, obstacles, files, mend } = await told(noDriver)
  expect(devices.filter(({ device }) => device.startsWith('webgpu'))).toEqual([])
  expect(obstacles.webgpu).toMatch(/^(missing: libvulkan\.so\.1|no Vulkan driver offers an adapter)$/)
  expect(files).toContainEqual({ for: 'webgpu', name: noDriver.VK_DRIVER_FILES, found: false })
  expect(mend.join('\n')).toMatch(/^webgpu: install .*apt install/m)
})

test.skipIf(!hasSwiftShader)('with one it names the GPU', async () => {
  const { devices, obstacles, mend } = await told(swiftShaderEnvironment)
  expect(devices).toContainEqual({ device: 'webgpu:0', name: expect.stringMatching(/^SwiftShader/) })
  expect(obstacles).not.toHaveProperty('webgpu')
  expect(mend.join('\n')).not.toContain('webgpu:')
})

test('another build of ONNX Runtime is taken from the folder that is named, or missed there', async () => {
  const missing = await run(['doctor'], folder, { VL_LST_ONNXRUNTIME: folder })
  expect(missing).toEqual(
    refusal(
      `VL_LST_ONNXRUNTIME: ${folder} has neither libonnxruntime.so.1 nor libonnxruntime.so.1.30.0: name the folder that has it`,
    ),
  )
  writeFileSync(join(folder, 'libonnxruntime.so.1.30.0'), 'no library')
  const { files } = await told({ ...noDriver, VL_LST_ONNXRUNTIME: folder })
  expect(files[0]).toEqual({
    for: 'onnxruntime',
    name: join(folder, 'libonnxruntime.so.1.30.0'),
    found: true,
  })
})

test('a device that cannot be had is refused before anything else, in one line', async () => {
  const refused = await run(['train', '--task', 'vqa', '--device', 'webgpu'], folder, noDriver)
  expect({ ...refused, err: '' }).toEqual({ code: 2, out: '', err: '' })
  expect(refused.err).toMatch(
    /^vl-lst: --device webgpu: no such device can be used \(webgpu: [^\n]+\): see vl-lst doctor\n$/,
  )
  expect(await run(['train', '--task', 'vqa', '--device', 'tpu'], folder)).toEqual(
    refusal('--device tpu: give one of cpu, cuda, webgpu'),
  )
})
