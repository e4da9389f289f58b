/** Captions that come one by one, scored at the end: `node examples/stream.mjs`. It runs in a browser as it is. */
import { CaptionEvaluator } from 'coco-caption-eval-js'

const evaluator = new CaptionEvaluator({ tokenization: 'separate' })
evaluator.add(1, 'a man rides a horse on the beach', [
  'A man riding a horse.',
  'A rider on a brown horse by the sea.',
])
evaluator.add(2, 'two dogs play with a ball', ['Two dogs are playing with a red ball.'])
evaluator.add(3, 'a plate of food', ['A plate with rice and vegetables.', 'Some food on a white plate.'])

const { overall, perImage, images } = evaluator.result()
for (const [name, score] of Object.entries(overall))
  console.log(name.padEnd(8), score?.toFixed(4) ?? 'not computed')
console.log('best image by CIDEr:', images[perImage.CIDEr.indexOf(Math.max(...perImage.CIDEr))])
