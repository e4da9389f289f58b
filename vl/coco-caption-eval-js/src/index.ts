/** COCO caption metrics. Nothing here needs Node. */
export { bleu } from './bleu.js'
export { cider } from './cider.js'
export { type CocoFiles, type CocoImage, cocoImages, type ImageChoice, imageChoices } from './coco.js'
export { type CountedCorpus, countCorpus } from './counted.js'
export { CaptionError, type Refusal } from './errors.js'
export {
  CaptionEvaluator,
  type Evaluation,
  type EvaluationOptions,
  type ImageId,
  type Metric,
  metrics,
  type ScoreName,
  scoreNames,
  type TokenizedImage,
} from './evaluator.js'
export { evaluateLists } from './lists.js'
export { compactMeteor, type MeteorSources } from './meteor/compact.js'
export type { Match } from './meteor/matches.js'
export { corpusScore, Meteor, meteor, type Segment } from './meteor/meteor.js'
export { normalise } from './meteor/normalise.js'
export { stem } from './meteor/stem.js'
export { MeteorTables } from './meteor/tables.js'
export { lex, lineEnd } from './ptb/lexer.js'
export { rougeL } from './rouge.js'
export type { Score, Scored } from './scores.js'
export { type Tokenization, type Tokenized, tokenizations, tokenize } from './tokenize.js'
