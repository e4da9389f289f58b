/** Every command. A new one is one file and one row here; its file is read when it is called. */
import type { CommandModule } from 'yargs'

interface Command {
  /** Its name, with the arguments that need no option. */
  readonly usage: string
  readonly summary: string
  readonly load: () => Promise<Pick<CommandModule, 'builder' | 'handler'>>
}

export const commands: readonly Command[] = [
  {
    usage: 'train',
    summary: 'train a method on a task, and score it',
    load: async () => (await import('./train.js')).trainCommand,
  },
  {
    usage: 'evaluate <run>',
    summary: 'score a trained run, and write its answers in the official format',
    load: async () => (await import('./evaluate.js')).evaluateCommand,
  },
  {
    usage: 'predict <run>',
    summary: 'ask a trained run about pictures or texts of your own',
    load: async () => (await import('./predict.js')).predictCommand,
  },
  {
    usage: 'caption-eval <results> <annotations>',
    summary: 'score captions as the COCO evaluation does, without Java',
    load: async () => (await import('./captionEval.js')).captionEvalCommand,
  },
  {
    usage: 'estimate',
    summary: 'tell parameters and memory of a training without weights',
    load: async () => (await import('./estimate.js')).estimateCommand,
  },
  {
    usage: 'prune',
    summary: 'cut the weights that a ladder starts from out of its backbone',
    load: async () => (await import('./prune.js')).pruneCommand,
  },
  {
    usage: 'merge <run>',
    summary: "write a run's backbone with LoRA's updates added in",
    load: async () => (await import('./merge.js')).mergeCommand,
  },
  {
    usage: 'convert <input>',
    summary: "write PyTorch's checkpoints as safetensors, running nothing of them",
    load: async () => (await import('./convert.js')).convertCommand,
  },
  {
    usage: 'verify <cases..>',
    summary: "compare with recorded cases of the paper's code",
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  {
    usage: 'doctor',
    summary: 'tell what this machine can do, and what is missing',
    load: async () => (await import('./doctor.js')).doctorCommand,
  },
]
