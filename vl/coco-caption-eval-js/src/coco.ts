/** COCO's files of captions: which images are evaluated, with which captions. */
import { CaptionError } from './errors.js'
import type { ImageId } from './evaluator.js'

/** Which images of the annotations: `all`, or those that have a result. Always in the order of the annotations. */
export const imageChoices = ['all', 'results'] as const
export type ImageChoice = (typeof imageChoices)[number]

export interface CocoImage {
  readonly imageId: ImageId
  readonly hypothesis: string
  readonly references: readonly string[]
}

export interface CocoFiles {
  /** What stands in the files: `{images: [{id}], annotations: [{image_id, caption}]}` and `[{image_id, caption}]`. */
  readonly annotations: unknown
  readonly results: unknown
  /** What errors call them. */
  readonly names?: { readonly annotations: string; readonly results: string }
}

interface Caption {
  readonly imageId: ImageId
  readonly caption: string
}

const mostNamed = 5

/** `image 1 has`, `images 1, 2, 3 have`. */
function listed(
  ids: readonly ImageId[],
  [one, several]: readonly [string, string] = ['has', 'have'],
): string {
  const named = ids.slice(0, mostNamed).map((id) => JSON.stringify(id))
  const more = ids.length > mostNamed ? ` and ${ids.length - mostNamed} more` : ''
  return ids.length === 1 ? `image ${named} ${one}` : `images ${named.join(', ')}${more} ${several}`
}

/**
 * @throws {CaptionError} a file isn't of that form; a result for an image that isn't annotated, several results for one;
 *   an evaluated image without result or reference; no result at all
 */
export function cocoImages(
  { annotations, results, names = { annotations: 'annotations', results: 'results' } }: CocoFiles,
  choice: ImageChoice = 'all',
): CocoImage[] {
  const hypotheses = readResults(results, names.results)
  const { ids, references } = readAnnotations(annotations, names.annotations)
  refuseUnknown(hypotheses, ids, names)
  const chosen = choice === 'all' ? [...ids] : [...ids].filter((id) => hypotheses.has(id))
  const without = chosen.filter((id) => !hypotheses.has(id))
  if (without.length > 0)
    throw new CaptionError(
      `${names.results}: ${listed(without)} no result, but ${without.length === 1 ? 'is' : 'are'} in ${names.annotations}: add one each, or evaluate only the ` +
        'images that have one',
      'no result',
    )
  const bare = chosen.filter((id) => !references.has(id))
  if (bare.length > 0)
    throw new CaptionError(
      `${names.annotations}: ${listed(bare)} no caption: add one, or leave them out of "images"`,
      'no reference',
    )
  return chosen.map((imageId) => ({
    imageId,
    hypothesis: hypotheses.get(imageId)!,
    references: references.get(imageId)!,
  }))
}

function readResults(results: unknown, file: string): Map<ImageId, string> {
  if (isAnnotations(results))
    throw new CaptionError(`${file} holds annotations: name the results first, then the annotations`)
  if (!Array.isArray(results))
    throw new CaptionError(`${file} is not a list of results: write it as [{"image_id": …, "caption": …}, …]`)
  if (results.length === 0)
    throw new CaptionError(`${file} holds no result: add one {"image_id", "caption"} an image`)
  const captions = new Map<ImageId, string>()
  const twice = new Set<ImageId>()
  results.forEach((result, i) => {
    const { imageId, caption } = readCaption(result, `${file}: result ${i + 1}`)
    if (captions.has(imageId)) twice.add(imageId)
    captions.set(imageId, caption)
  })
  if (twice.size > 0)
    throw new CaptionError(
      `${file}: ${listed([...twice])} several results: leave one each`,
      'several results',
    )
  return captions
}

interface Annotations {
  readonly ids: ReadonlySet<ImageId>
  readonly references: ReadonlyMap<ImageId, readonly string[]>
}

function readAnnotations(annotations: unknown, file: string): Annotations {
  if (Array.isArray(annotations))
    throw new CaptionError(`${file} is a list, as results are: name the results first, then the annotations`)
  if (!isRecord(annotations))
    throw new CaptionError(
      `${file} is not an object with "images" and "annotations": name a COCO caption file`,
    )
  const [images, captions] = [annotations.images, annotations.annotations]
  if (!Array.isArray(images) || images.length === 0)
    throw new CaptionError(`${file} has no "images": name a COCO caption file, with all images listed`)
  if (!Array.isArray(captions))
    throw new CaptionError(`${file} has no "annotations": name a COCO caption file`)
  const ids = new Set(images.map((image, i) => readId(image, 'id', `${file}: image ${i + 1}`)))
  const references = new Map<ImageId, string[]>()
  captions.forEach((given, i) => {
    const { imageId, caption } = readCaption(given, `${file}: annotation ${i + 1}`)
    const known = references.get(imageId)
    if (known) known.push(caption)
    else references.set(imageId, [caption])
  })
  return { ids, references }
}

function refuseUnknown(
  hypotheses: ReadonlyMap<ImageId, string>,
  ids: ReadonlySet<ImageId>,
  names: NonNullable<CocoFiles['names']>,
): void {
  const unknown = [...hypotheses.keys()].filter((id) => !ids.has(id))
  if (unknown.length === 0) return
  const other = (id: ImageId) => (typeof id === 'number' ? String(id) : Number(id))
  const [first] = unknown
  const hint = ids.has(other(first!))
    ? `ids are ${typeof first === 'number' ? 'numbers' : 'texts'} here and ${typeof first === 'number' ? 'texts' : 'numbers'} there: write them alike`
    : 'remove the result, or name the annotations that have the image'
  throw new CaptionError(
    `${names.results}: ${listed(unknown, ['is', 'are'])} not among the images of ${names.annotations}: ${hint}`,
    'unknown image',
  )
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isAnnotations = (value: unknown) => isRecord(value) && Array.isArray(value.annotations)

function readId(value: unknown, key: 'id' | 'image_id', place: string): ImageId {
  const id = isRecord(value) ? value[key] : undefined
  if (typeof id === 'number' || typeof id === 'string') return id
  throw new CaptionError(`${place} has no "${key}": give it a number or a text`)
}

function readCaption(value: unknown, place: string): Caption {
  const imageId = readId(value, 'image_id', place)
  const caption = (value as Readonly<Record<string, unknown>>).caption
  if (typeof caption === 'string') return { imageId, caption }
  throw new CaptionError(
    `${place} (image ${JSON.stringify(imageId)}): its "caption" is not a text: write one`,
  )
}
