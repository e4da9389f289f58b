export {
  type FeatureOptions,
  type FeatureSource,
  openFeatures,
  type PictureCache,
  type Pooling,
} from './features.js'
export { vqa } from './vqa.js'
