/** What of a data set's texts a model will not see. */
import type { Sample } from '../../datasets/index.js'
import { longestTarget, type Task, targetRandom } from '../tasks/index.js'
import type { Tokenizer } from '../text/index.js'

/**
 * A line about texts, and one about answers, that are longer than the task allows; one about words that the
 * vocabulary has no pieces for. None where nothing is lost.
 */
export function textNotes(task: Task, samples: readonly Sample[], tokenizer: Tokenizer): string[] {
  const unspelt = new Set<string>()
  const look = (noun: string, texts: readonly string[], maxLength: number): string[] => {
    const cut = texts.filter((text) => {
      for (const word of unspeltWords(text, maxLength, tokenizer)) unspelt.add(word)
      return isCut(text, maxLength, tokenizer)
    })
    return cut.length === 0 ? [] : [cutNote(noun, cut.length, texts.length, maxLength)]
  }
  const texts = samples.map((sample) => task.prompt + task.text(sample))
  const answers = samples.map((sample, index) => task.target(sample, targetRandom(0, 0, index)).text)
  const notes = [
    ...look(task.noun, texts, task.maxInputLength),
    ...look('answer', answers, longestTarget(task, tokenizer)),
  ]
  return unspelt.size === 0 ? notes : [...notes, unspeltNote(unspelt)]
}

/** As a run encodes it first, so that a tokenizer that remembers has it. */
function isCut(text: string, maxLength: number, tokenizer: Tokenizer): boolean {
  return (
    tokenizer.encode(text, { maxLength }).length === maxLength && tokenizer.encode(text).length > maxLength
  )
}

function unspeltWords(text: string, maxLength: number, tokenizer: Tokenizer): readonly string[] {
  const unknown = tokenizer.idOf('<unk>')
  if (unknown === undefined || !tokenizer.encode(text, { maxLength }).includes(unknown)) return []
  return text.split(/\s+/).filter((word) => tokenizer.encode(word).includes(unknown))
}

function cutNote(noun: string, cut: number, all: number, maxLength: number): string {
  const limit = `longer than ${maxLength} tokens`
  if (all === 1) return `the ${noun} is ${limit} and is cut`
  return `${count(cut)} of ${count(all)} ${noun}s are ${limit} and are cut`
}

function unspeltNote(words: ReadonlySet<string>): string {
  const [first] = words
  const which = words.size === 1 ? `"${first}" has` : `${count(words.size)} words, such as "${first}", have`
  return `${which} signs that the vocabulary can't spell: the model can't read or write them`
}

const count = (value: number): string => value.toLocaleString('en-US')
