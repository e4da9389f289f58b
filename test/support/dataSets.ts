/** Data sets as tests about one kind of samples want them. */
import {
  type DataSet,
  openDataSet,
  type PictureSource,
  type ReadOptions,
  type VqaSample,
} from '../../datasets/index.js'

type PictureDataSet = DataSet<VqaSample> & { readonly pictures: PictureSource }

/** Questions about pictures. */
export async function openVqa(path: string, options: Partial<ReadOptions> = {}): Promise<PictureDataSet> {
  return (await openDataSet(path, { task: 'vqa', seed: 1, ...options })) as PictureDataSet
}
