export { meteorFolder } from './meteorFolder.js'
export { roundHalfEven, type ScoreRow, scoreRows } from './rows.js'
export { labelScore, softLabel, vqaAccuracy, vqaEvaluators } from './vqa.js'
export { normaliseAnswer, normaliseTrainingAnswer, stripPunctuation, tidyAnswer } from './vqaNormalise.js'
