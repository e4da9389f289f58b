/** Who trains: what each worker of a run computes on. */
import { UserError } from '../../base/index.js'
import type { TrainConfig } from '../config.js'
import { checkBatch } from './together.js'

type Settings = Pick<TrainConfig, 'workers' | 'gpus' | 'shareDevices' | 'batchSize'>

/** What one worker computes on: `cpu`, or a device by the number that `--gpus` has for it. */
export type WorkerDevice = 'cpu' | number

/** One device a worker, by rank. */
export function devicesOf({ workers, gpus }: Pick<Settings, 'workers' | 'gpus'>): readonly WorkerDevice[] {
  return gpus ?? new Array<'cpu'>(workers).fill('cpu')
}

/** @throws {UserError} workers on the CPU and on devices, a device twice, or fewer samples than workers */
export function checkWorkers({ workers, gpus, shareDevices, batchSize }: Settings): void {
  if (gpus && workers > 1)
    throw new UserError(
      `--workers ${workers} is for the CPU, and --gpus has one worker a device: leave one of them out`,
    )
  const twice = gpus?.find((device, i) => gpus.indexOf(device) !== i)
  if (twice !== undefined && !shareDevices)
    throw new UserError(`--gpus ${gpus} names device ${twice} twice: name each once, or add --share-devices`)
  checkBatch({ batchSize }, { size: devicesOf({ workers, gpus }).length })
}
