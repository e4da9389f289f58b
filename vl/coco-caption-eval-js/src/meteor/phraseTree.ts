/** The phrases of the paraphrase table as a tree of words. What texts have led to is kept: its search is done once. */
import { PairNumbers } from '../pairs.js'
import { longestPhrase, type MeteorTables } from './tables.js'

const root = 0

export class PhraseTree {
  /** Nodes are numbered from 1 on, by the node above and the word that leads there. */
  private readonly nodes = new PairNumbers()
  /** Of each node the phrases that begin with its words and are longer: from `low` to `high` − 1. */
  private readonly low: number[] = [0]
  private readonly high: number[] = [0]
  /** The phrase of just these words, or −1. */
  private readonly phrases: number[] = [-1]

  constructor(private readonly tables: MeteorTables) {}

  /**
   * Phrases of the paraphrase table that begin at `begin`.
   *
   * @param ids a line's words by their numbers there, −1 where one isn't in the table
   * @param take called with each phrase's number and length in words, shorter ones first
   */
  phrasesAt(ids: readonly number[], begin: number, take: (phrase: number, length: number) => void): void {
    const longest = Math.min(longestPhrase, ids.length - begin)
    let above = root
    for (let length = 1; length <= longest; length++) {
      const id = ids[begin + length - 1]!
      if (id < 0) return
      const node = this.nodes.numberOf(above, id) + 1
      if (node === this.phrases.length) this.explore(above, id, length)
      if (this.phrases[node]! >= 0) take(this.phrases[node]!, length)
      if (this.low[node]! >= this.high[node]!) return
      above = node
    }
  }

  private explore(above: number, id: number, length: number): void {
    const [low, high] =
      above === root
        ? this.tables.phrasesOf(id)
        : this.tables.phrasesWith(id, length - 1, [this.low[above]!, this.high[above]!])
    const isPhrase = low < high && this.tables.phraseLength(low) === length
    this.phrases.push(isPhrase ? low : -1)
    this.low.push(isPhrase ? low + 1 : low)
    this.high.push(high)
  }
}
