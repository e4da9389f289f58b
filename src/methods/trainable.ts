/** Layers of the backbone in which nothing trains, as several methods have them. */
import { z } from 'zod'
import { type Place, placeOf } from '../models/index.js'

export const layerList = z.array(z.int().nonnegative()).nullable()

export const trainableLayers = {
  /** Encoder layers that train, the rest of the blocks stays frozen; `null`: all. */
  encoderTrainableLayers: layerList.default(null),
  decoderTrainableLayers: layerList.default(null),
}

interface TrainableLayers {
  readonly encoderTrainableLayers: readonly number[] | null
  readonly decoderTrainableLayers: readonly number[] | null
}

/** Whether parameters of this name may train; those outside the blocks may. */
export function mayTrain(name: string, options: TrainableLayers): boolean {
  const place = placeOf(name)
  return place === undefined || isTrainable(place, options)
}

function isTrainable(
  { stack, layer }: Place,
  { encoderTrainableLayers, decoderTrainableLayers }: TrainableLayers,
): boolean {
  const kept = stack === 'encoder' ? encoderTrainableLayers : decoderTrainableLayers
  return kept === null || kept.includes(layer)
}

/** Layers that a method adds something to: given ones, all (`null`), or where nothing is said those that train. */
export const addedLayers = {
  /** Encoder layers that get weights of the method; `null`: all. By default those that train. */
  encoderAddedLayers: layerList.optional(),
  decoderAddedLayers: layerList.optional(),
}

export function isAdded(
  place: Place,
  options: TrainableLayers & {
    readonly encoderAddedLayers?: readonly number[] | null | undefined
    readonly decoderAddedLayers?: readonly number[] | null | undefined
  },
): boolean {
  const given = place.stack === 'encoder' ? options.encoderAddedLayers : options.decoderAddedLayers
  return given === undefined ? isTrainable(place, options) : given === null || given.includes(place.layer)
}

/** Pictures enter by weights of their own, which train with every method. */
export const isVisual = (name: string): boolean => name.includes('visual_embedding')

/** Whether a weight is a norm's, T5's or BART's. */
export const isLayerNorm = (name: string): boolean => /layer_?norm(_embedding)?\.(weight|bias)$/.test(name)
