/** Every way of fine-tuning that `--method` knows. A new one is one file and one line here. */
import { registry } from '../base/index.js'
import { full } from './full.js'
import { lst } from './lst.js'

export const methods = registry('method', [full, lst])
export type { EncoderState, Method, MethodContext } from './method.js'
