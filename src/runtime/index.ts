export { chooseRuntime } from './choose.js'
export {
  chooseDevices,
  type Device,
  type DeviceKind,
  deviceKinds,
  deviceName,
  presentDevices,
} from './devices.js'
export { type LockOutcome, lockFile } from './fileLock.js'
export { type NeededFile, neededFiles } from './inspect.js'
export {
  canMap,
  keepHeapSmall,
  mapShared,
  memoryFolder,
  type ProcessMemory,
  processMemory,
} from './memory.js'
export { mpiFiles } from './mpiFiles.js'
export { nativeRuntime, nativeRuntimeOn } from './native.js'
export { publicRuntime } from './public.js'
export {
  type DeviceMemory,
  type DeviceRoom,
  type FrozenWeight,
  type RunTensors,
  type Runtime,
  type Session,
  type SessionOptions,
  type Tensors,
  weightsIn,
} from './session.js'
export { float32, HostTensor, int64, type RunTensor, zeros } from './tensors.js'
export { limitThreads, threadShare } from './threads.js'
