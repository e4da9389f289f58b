/** Every way of fine-tuning that `--method` knows. A new one is one file and one line here. */
import { registry } from '../base/index.js'
import { adapter } from './adapter.js'
import { bitfit } from './bitfit.js'
import { full } from './full.js'
import { lora } from './lora.js'
import { lst } from './lst.js'
import { prompt } from './prompt.js'

export const methods = registry('method', [adapter, bitfit, full, lora, lst, prompt])
export type {
  DecoderOutput,
  EncoderState,
  Method,
  MethodContext,
  MethodSetting,
  PeftForm,
  TaskNames,
} from './method.js'
