/**
 * The built-in world in other data sets' official file formats: VQA v2's questions and annotations, COCO's captions,
 * and the scenes themselves, from which more can be derived.
 */
import { captionsOf } from './captions.js'
import { type Balance, questionsAbout, type WorldQuestion } from './examine.js'
import { makeScene, pictureSide, type Scene } from './scene.js'

/** The official names' part between underscores. */
const dataType = 'drawn'
/** Of everything; another world is another seed. */
export const worldSeed = 2022

export interface WorldPart {
  readonly split: 'train' | 'val' | 'test'
  readonly scenes: number
  /** About each of its pictures. */
  readonly questions: number
  /** Number of its first picture. */
  readonly firstId: number
}

export const worldParts: readonly WorldPart[] = [
  { split: 'train', scenes: 6000, questions: 10, firstId: 1 },
  { split: 'val', scenes: 300, questions: 4, firstId: 100_001 },
  { split: 'test', scenes: 500, questions: 4, firstId: 200_001 },
]

export interface DescribedPicture {
  readonly id: number
  /** Its place in the data set's folder. */
  readonly file: string
  readonly scene: Scene
  readonly questions: readonly WorldQuestion[]
}

/** All pictures of a part with what is asked about them, one after the other. */
export function* describePart({ split, scenes, questions, firstId }: WorldPart): Generator<DescribedPicture> {
  const balance: Balance = new Map()
  for (let index = 0; index < scenes; index++) {
    const scene = makeScene(worldSeed, split, index)
    const id = firstId + index
    yield {
      ...{ id, scene, file: `${split}/${dataType}_${split}_${String(id).padStart(12, '0')}.jpg` },
      questions: questionsAbout(scene, split, questions, balance),
    }
  }
}

/** The JSON files of a part by name. */
export function jsonFiles({ split }: WorldPart, pictures: readonly DescribedPicture[]): Map<string, unknown> {
  const about = { description: 'drawn scenes of vl-lst', version: '1.0', year: 2026 }
  const asked = pictures.flatMap(({ id, questions }) =>
    questions.map((given, i) => ({ ...given, image_id: id, question_id: 10 * id + i })),
  )
  const kinds = { info: about, data_type: dataType, data_subtype: split }
  return new Map<string, unknown>([
    [
      `v2_OpenEnded_${dataType}_${split}_questions.json`,
      {
        ...{ ...kinds, task_type: 'Open-Ended' },
        questions: asked.map(({ image_id, question, question_id }) => ({ image_id, question, question_id })),
      },
    ],
    [`v2_${dataType}_${split}_annotations.json`, { ...kinds, annotations: asked.map(annotation) }],
    [`captions_${split}.json`, captionFile(about, pictures)],
    [`scenes_${split}.json`, pictures.map(({ id, scene }) => ({ image_id: id, ...scene }))],
  ])
}

type AskedQuestion = WorldQuestion & { readonly image_id: number; readonly question_id: number }

function annotation({ kind, answer, answers, image_id, question_id }: AskedQuestion) {
  return {
    ...{ question_type: kind.name, multiple_choice_answer: answer },
    answers: answers.map((said, i) => ({ answer: said, answer_confidence: 'yes', answer_id: i + 1 })),
    ...{ image_id, answer_type: kind.answerType, question_id },
  }
}

function captionFile(info: unknown, pictures: readonly DescribedPicture[]) {
  const size = { width: pictureSide, height: pictureSide }
  return {
    info,
    images: pictures.map(({ id, file }) => ({ id, file_name: file.slice(file.indexOf('/') + 1), ...size })),
    annotations: pictures.flatMap(({ id, scene }) =>
      captionsOf(scene).map((caption, i) => ({ image_id: id, id: 10 * id + i, caption })),
    ),
  }
}
