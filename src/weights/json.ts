import { readFileSync, type Stats, statSync } from 'node:fs'
import { UserError } from '../base/index.js'

/** The content of a JSON file, unchecked. @throws {UserError} it can't be read or is not JSON */
export function readJson(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UserError(`${file}: cannot be read (${(error as Error).message}): check its rights`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = (error as Error).message.replace(/\s+/g, ' ') // it quotes the file, line ends and all
    throw new UserError(`${file}: is not JSON (${reason}): download it again`)
  }
}

/** The value of a text of ours, unchecked; `undefined` where it is none or not JSON. */
export function tryJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

/** What is at the path, or undefined if nothing can be reached there. */
export function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
