export {
  cannotWrite,
  makeAside,
  makeFolder,
  nameAside,
  syncFolder,
  writeWhole,
} from './aside.js'
export { cachedFile, cachedFileSlowly, cacheFolder, mendCache } from './cache.js'
export { type Disk, disk, forceToDisk, pieceBytes, writeHashed } from './disk.js'
