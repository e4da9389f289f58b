/** Who trains: what each worker of a run computes on. */
import { UserError } from '../../base/index.js'
import { chooseDevices, type Device } from '../../runtime/index.js'
import type { TrainConfig } from '../config.js'
import { checkBatch } from './together.js'

type Settings = Pick<TrainConfig, 'device' | 'workers' | 'gpus' | 'shareDevices' | 'batchSize'>

/** One device a worker, by rank. @throws {UserError} as {@link chooseDevices} */
export function devicesOf({
  device,
  workers,
  gpus,
  shareDevices,
}: Omit<Settings, 'batchSize'>): readonly Device[] {
  return chooseDevices({ workers, shareDevices, ...(device ? { device } : {}), ...(gpus ? { gpus } : {}) })
}

/** What can be told without a look at the machine. @throws {UserError} two numbers of workers, or fewer samples than workers */
export function checkWorkers({ workers, gpus, batchSize }: Settings): void {
  if (gpus && workers > 1)
    throw new UserError(
      `--workers ${workers} and --gpus ${gpus}: there is one worker a device: leave one of them out`,
    )
  checkBatch({ batchSize }, { size: gpus?.length ?? workers })
}
