/** What of a data set's texts a model will not see. */
import type { Sample } from '../../datasets/index.js'
import { longestTarget, type Source, sourceOf, type Task, targetRandom } from '../tasks/index.js'
import type { Tokenizer } from '../text/index.js'

/**
 * A line about texts, and one about answers, that are longer than the task allows; one about words that the
 * vocabulary has no pieces for. None where nothing is lost.
 */
export function textNotes(task: Task, samples: readonly Sample[], tokenizer: Tokenizer): string[] {
  const unspelt = new Set<string>()
  const look = (noun: string, sources: readonly Source[], maxLength: number): string[] => {
    const cut = sources.filter((source) => {
      for (const word of unspeltWords(source, maxLength, tokenizer)) unspelt.add(word)
      return isCut(source, maxLength, tokenizer)
    })
    return cut.length === 0 ? [] : [cutNote(noun, cut.length, sources.length, maxLength)]
  }
  const sources = samples.map((sample) => sourceOf(task, sample))
  const answers = task.classes
    ? []
    : samples.map((sample, index) => task.target(sample, targetRandom(0, 0, index)))
  const notes = [
    ...look(task.noun, sources, task.maxInputLength),
    ...look('answer', answers, longestTarget(task, tokenizer)),
  ]
  return unspelt.size === 0 ? notes : [...notes, unspeltNote(unspelt)]
}

/** As a run encodes it first, so that a tokenizer that remembers has it. */
function isCut({ text, pair }: Source, maxLength: number, tokenizer: Tokenizer): boolean {
  return (
    tokenizer.encode(text, { maxLength, pair }).length === maxLength &&
    tokenizer.encode(text, { pair }).length > maxLength
  )
}

function unspeltWords({ text, pair }: Source, maxLength: number, tokenizer: Tokenizer): readonly string[] {
  const unknown = tokenizer.idOf('<unk>')
  if (unknown === undefined || !tokenizer.encode(text, { maxLength, pair }).includes(unknown)) return []
  const words = `${text} ${pair ?? ''}`.split(/\s+/).filter((word) => word !== '')
  return words.filter((word) => tokenizer.encode(word).includes(unknown))
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
