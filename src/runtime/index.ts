export { chooseRuntime } from './choose.js'
export { type LockOutcome, lockFile } from './fileLock.js'
export { canMap, keepHeapSmall, mapShared, type ProcessMemory, processMemory } from './memory.js'
export { nativeRuntime } from './native.js'
export { publicRuntime } from './public.js'
export {
  type FrozenWeight,
  type Runtime,
  type Session,
  type SessionOptions,
  type Tensors,
  weightsIn,
} from './session.js'
export { float32, HostTensor, int64, zeros } from './tensors.js'
export { limitThreads, threadShare } from './threads.js'
