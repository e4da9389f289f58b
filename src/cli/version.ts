import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from '../base/index.js'

/** The version in the package's own package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string })
    .version
}
