/** Where a ladder's own weights start: drawn, or cut out of the backbone (Sung et al. 2022, §3.3). */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nearest, UserError } from '../../base/index.js'
import { cachedFileSlowly } from '../../files/index.js'
import { methods } from '../../methods/index.js'
import type { ParameterSpec } from '../../models/index.js'
import { chooseRuntime, type Runtime } from '../../runtime/index.js'
import type { EncodedSample } from '../../tasks/index.js'
import { type Checkpoint, writeSafetensors } from '../../weights/index.js'
import type { TrainConfig } from '../config.js'
import type { Report } from '../events.js'
import { type ModelSpec, modelParameters } from '../graphs.js'
import { elements } from '../parameters.js'
import { openSideFile, type SideSettings, sideMetadata } from './file.js'
import { checkSettings, forLadder } from './ladder.js'
import { makeSideWeights } from './make.js'
import { type SideInit, sideInits } from './names.js'
import { randomInit, type SideInitOptions, sideInitOptions } from './options.js'
import { checkTokens, fisherSamples } from './samples.js'
import { openSource, type Source } from './source.js'

export { fisherGraph, fisherImportance } from './fisher.js'
export { sideInits } from './names.js'

export interface SideInitContext {
  readonly cache: string
  readonly report: Report
  /** Ends long work. */
  readonly signal: AbortSignal
  readonly runtime: Runtime
}

/**
 * The weights that a run's ladder starts from, by the ladder's names; `undefined` where all are drawn. What is cut out
 * of the backbone is kept in the cache.
 *
 * @param spec the run's model
 * @throws {UserError} an unknown name or file, or one that does not fit this run
 */
export async function openSideInit(
  config: TrainConfig,
  spec: ModelSpec,
  context: SideInitContext,
): Promise<Checkpoint | undefined> {
  const options = sideInitOptions(config)
  if (!options || options.sideInit === randomInit) return undefined
  const { sideInit, reductionFactor: reduction } = options
  const named = sideInits.names.includes(sideInit) ? sideInits.get(sideInit) : undefined
  if (!named) checkExists(sideInit)
  const [source, parameters] = [openSource(config, context), modelParameters(spec)]
  const path = named
    ? await inCache(await planOf(config, options, named, source, context), parameters, context)
    : sideInit
  const { weights, settings } = openSideFile(path)
  checkSettings(settings, { reduction, backbone: config.backbone, fingerprint: source.fingerprint }, path)
  return forLadder(weights, parameters, path)
}

/** A word that is neither a name nor a file is more likely a name that was mistyped. */
function checkExists(sideInit: string): void {
  if (existsSync(sideInit)) return
  const names = [randomInit, ...sideInits.names]
  const near = nearest(sideInit, names)
  throw new UserError(
    `--side-init ${sideInit}: there is no such file${near ? `; the nearest name is "${near}"` : ''}: ` +
      `name a file of vl-lst prune, or one of ${names.join(', ')}`,
  )
}

/** Everything that side weights depend on. */
interface Plan {
  readonly config: TrainConfig
  readonly init: SideInit
  readonly source: Source
  readonly samples: readonly EncodedSample[]
  readonly settings: SideSettings
}

/** @throws {UserError} bad data, fewer samples than wanted, a tokenizer of another backbone */
async function planOf(
  config: TrainConfig,
  { reductionFactor: reduction, sideInitSamples }: SideInitOptions,
  init: SideInit,
  source: Source,
  context: SideInitContext,
): Promise<Plan> {
  const { backbone: name, variant, seed, task, dataset } = config
  const { backbone } = source
  const samples =
    init.measure === 'fisher'
      ? await fisherSamples(config, { backbone, tokenizer: source.tokenizer() }, sideInitSamples, context)
      : []
  checkTokens(samples, backbone)
  const settings: SideSettings = {
    ...{ importance: init.name, reduction, variant, seed },
    backbone: { name, fingerprint: source.fingerprint },
    ...(samples.length > 0 ? { measuredOn: { task, dataset, samples: samples.length } } : {}),
  }
  return { config, init, source, samples, settings }
}

/** Writes the weights of a plan. @returns how many there are */
async function carryOut(
  { config, init, source, samples, settings }: Plan,
  path: string,
  parameters: readonly ParameterSpec[],
  context: SideInitContext,
): Promise<number> {
  const tensors = await makeSideWeights(config, init, source, { samples, parameters, ...context })
  writeSafetensors(path, tensors, sideMetadata(settings))
  return tensors.reduce((sum, { shape }) => sum + elements(shape), 0)
}

function inCache(
  plan: Plan,
  parameters: readonly ParameterSpec[],
  context: SideInitContext,
): Promise<string> {
  const { settings, samples } = plan
  const hash = createHash('sha256')
    .update(JSON.stringify([settings, samples]))
    .digest('hex')
    .slice(0, 16)
  const write = async (path: string) => {
    await carryOut(plan, path, parameters, context)
  }
  return cachedFileSlowly(
    join(context.cache, 'side-init'),
    `${settings.importance}-${hash}.safetensors`,
    write,
  )
}

export interface Pruned {
  readonly file: string
  readonly settings: SideSettings
  /** How many weights the file holds. */
  readonly parameters: number
}

/**
 * Writes the weights that a ladder may start from.
 *
 * @param config of a method with a ladder; its own options say how it is pruned
 * @throws {UserError} a backbone, data or place that is no good; an importance or reduction that does not fit
 */
export async function prune(
  config: TrainConfig,
  file: string,
  given: Omit<SideInitContext, 'runtime'>,
): Promise<Pruned> {
  const options = sideInitOptions(config)
  if (!options) throw new UserError(`method ${config.method} has no ladder to prune for: use --method lst`)
  const init = sideInits.get(options.sideInit)
  const runtime = chooseRuntime((text) => given.report({ kind: 'note', text }))
  const context = { ...given, runtime }
  checkPlace(file)
  const source = openSource(config, context)
  const plan = await planOf(config, options, init, source, context)
  const parameters = await carryOut(plan, file, ladderParameters(config, source), context)
  return { file, settings: plan.settings, parameters }
}

/** Of a ladder with all layers. */
function ladderParameters({ method: name, methodOptions }: TrainConfig, { backbone }: Source) {
  const options = { ...methodOptions, encoderSideLayers: null, decoderSideLayers: null }
  return modelParameters({ config: backbone.config, method: methods.get(name), options, dropout: 0 })
}

/** Before anything is computed. */
function checkPlace(file: string): void {
  const folder = dirname(file)
  if (!existsSync(folder)) throw new UserError(`--output ${file}: ${folder} does not exist: make it first`)
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(`--output ${file} is a folder: name a .safetensors file in it`)
}
