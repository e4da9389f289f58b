/**
 * What a question's text alone tells of its answer: softmax regression over its words and pairs of neighbours, trained on
 * the training questions of a folder in VQA v2's format and scored on its test questions. It sees no picture, so a model
 * whose pictures are taken away should do no better.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../dist/src/base/index.js'
import { vqaAccuracy } from '../dist/src/metrics/index.js'

const epochs = 5
const rate = 0.2

/** @returns the mean accuracy on the test split, in percent */
export function blindAccuracy(folder, seed) {
  const [train, test] = ['train', 'test'].map((split) => questionsOf(folder, split))
  const features = indexed(train.flatMap(({ terms }) => terms))
  const classes = indexed(train.map(({ answer }) => answer))
  const model = learn(train, { features, classes, seed })
  const scores = test.map(({ terms, answers }) => vqaAccuracy(answers, model(terms)))
  return (100 * scores.reduce((sum, score) => sum + score, 0)) / scores.length
}

function questionsOf(folder, split) {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const { questions } = read(`v2_OpenEnded_drawn_${split}_questions.json`)
  const { annotations } = read(`v2_drawn_${split}_annotations.json`)
  const about = new Map(annotations.map((each) => [each.question_id, each]))
  return questions.map(({ question_id, question }) => {
    const { multiple_choice_answer: answer, answers } = about.get(question_id)
    return { terms: termsOf(question), answer, answers: answers.map((each) => each.answer) }
  })
}

function termsOf(question) {
  const words = ['', ...question.toLowerCase().match(/[a-z]+/g), '']
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)]
}

const indexed = (names) => new Map([...new Set(names)].map((name, i) => [name, i]))

/** Stochastic gradient descent with a rate that falls to 0. @returns the likeliest answer to some terms */
function learn(samples, { features, classes, seed }) {
  const width = classes.size
  const weights = new Float32Array(features.size * width)
  const logits = new Float64Array(width)
  const rowsOf = (terms) =>
    terms.flatMap((term) => features.get(term) ?? []).map((feature) => feature * width)
  const predict = (rows) => {
    logits.fill(0)
    for (const row of rows) for (let i = 0; i < width; i++) logits[i] += weights[row + i]
  }
  const random = new Random(seed)
  const order = Array.from({ length: epochs }, () => [...random.permutation(samples.length)]).flat()
  for (const [step, index] of order.entries()) {
    const { terms, answer } = samples[index]
    const rows = rowsOf(terms)
    predict(rows)
    const top = Math.max(...logits)
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0)
    const factor = (rate * (1 - step / order.length)) / rows.length
    const right = classes.get(answer)
    for (let i = 0; i < width; i++) {
      const error = factor * (Number(i === right) - Math.exp(logits[i] - top) / total)
      for (const row of rows) weights[row + i] += error
    }
  }
  const names = [...classes.keys()]
  return (terms) => {
    predict(rowsOf(terms))
    return names[logits.indexOf(Math.max(...logits))]
  }
}
