/** METEOR's tables from a folder of its resources: for Node alone. */
export { meteorHelp, openMeteor } from './open.js'
