/** Options that every command has. */
import type { Options } from 'yargs'
import { everywhere } from './headings.js'

const group = everywhere

export const globalOptions = {
  json: {
    group,
    type: 'boolean',
    describe: 'one JSON object a line on standard output, and nothing else there',
  },
  quiet: { group, type: 'boolean', describe: 'nothing but results and errors' },
  debug: { group, type: 'boolean', describe: 'errors with their stack' },
  config: {
    group,
    type: 'string',
    requiresArg: true,
    describe: 'a YAML or JSON file of options; the command line wins',
  },
  threads: { group, type: 'string', requiresArg: true, describe: 'how many threads compute' },
  seed: { group, type: 'string', requiresArg: true, describe: 'what all randomness comes from' },
  cache: {
    group,
    type: 'string',
    requiresArg: true,
    describe: "folder for what can be made again; default: VL_LST_CACHE, else the platform's cache folder",
  },
} as const satisfies Record<string, Options>

export type GlobalOption = keyof typeof globalOptions
