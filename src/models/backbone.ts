/**
 * What the rest of the program knows of a backbone: two stacks of blocks between a token table and a head. T5 and BART
 * are two rows of one table; methods and the ladder are written against this.
 *
 * Shapes: b batch · t rows of a stack · s rows of the memory · d model width · v vocabulary.
 */
import type { Dim, Tensor } from '../graph/index.js'
import type { BlockSizes, CrossAttention, KeyValues } from './layers.js'
import type { Initializer, ParameterSpec, Scope } from './scope.js'

/** Which of the paper's two code bases decides details, such as how new weights start. */
export type Variant = 'vision' | 'text'

/** What every backbone's configuration has; a row of the table knows the rest of its own. */
export interface BackboneConfig {
  /** Hugging Face's `model_type`. */
  readonly modelType: string
  readonly dModel: number
  readonly vocabSize: number
  readonly numLayers: number
  readonly numDecoderLayers: number
  readonly layerNormEpsilon: number
  readonly tieWordEmbeddings: boolean
  readonly padTokenId: number
  readonly eosTokenId: number
  readonly decoderStartTokenId: number
  /** Most tokens of a text that it has positions for; absent: as many as there are. */
  readonly maxPositionEmbeddings?: number
}

/** Where a stack's rows stand: an encoder's text with pictures behind it, or a decoder's tokens. */
export type Rows =
  | {
      /** int64 [b, text] */
      readonly textMask: Tensor
      readonly pictureRows: Dim
    }
  | {
      readonly length: Dim
      /** How many keys in front of the rows every row may see. */
      readonly past?: number
    }

export interface BlockRun {
  readonly at: Scope
  readonly sizes: BlockSizes
  /** Of the self attention; broadcasts to [b, h, t, t]. */
  readonly bias: Tensor
  readonly cross?: CrossAttention | undefined
  /** Keys and values in front of the self attention's own. */
  readonly past?: KeyValues | undefined
  readonly onKeyValues?: ((made: KeyValues) => void) | undefined
}

/** One of a backbone's two stacks. */
export interface BackboneStack {
  readonly name: 'encoder' | 'decoder'
  readonly layers: number
  /** Where the stack stands, and where what is added to it goes. */
  readonly at: Scope
  readonly sizes: BlockSizes
  /**
   * Sizes and start values of a ladder's blocks.
   *
   * @throws {UserError} a width that is divided down to nothing, or that its heads don't divide
   */
  sideSizes(reductionFactor: number, variant: Variant): BlockSizes
  blockAt(layer: number): Scope
  /** Token embeddings [b, t, d] of ids int64 [b, t], of which the first stands at position `first` (0 by default). */
  embed(ids: Tensor, first?: number): Tensor
  /** What tells the first `length` positions apart, [t, d]; none where embeddings have no positions. */
  positions(length: number): Tensor | undefined
  /** From embeddings to what the first block reads, row by row, before dropout. */
  enter(rows: Tensor): Tensor
  /** The position table of the block at a scope, where the architecture has one. */
  table(at: Scope, sizes: BlockSizes): Tensor | undefined
  /** Bias of the self attention with its mask. */
  selfBias(rows: Rows, table: Tensor | undefined): Tensor
  /** One block; x [b, t, d]. */
  block(x: Tensor, run: BlockRun): Tensor
  /** What follows the last block, with the weights of that name below the stack. */
  finish(x: Tensor, norm: string): Tensor
}

/** How a linear layer that is added to a backbone starts. */
export interface LinearStart {
  readonly weight: Initializer
  readonly bias: Initializer
}

/** A backbone that is being built. */
export interface BackboneModel {
  /** Where both stacks stand. */
  readonly at: Scope
  readonly encoder: BackboneStack
  readonly decoder: BackboneStack
  /** The token table [v, d]. */
  tokenTable(): Tensor
  /** Bias of the cross attention to a memory; mask int64 [b, s]. */
  crossBias(mask: Tensor): Tensor
  /** Logits [b, t, v]. */
  head(hiddenStates: Tensor): Tensor
}

/** A row of the table of architectures. */
export interface Architecture<C extends BackboneConfig = BackboneConfig> {
  /** Hugging Face's `model_type`. */
  readonly name: string
  /**
   * @param raw the fields of `config.json`
   * @param where the file, for messages
   * @throws {UserError} a missing field, one of the wrong kind, or a form of the architecture that isn't built
   */
  readConfig(raw: Readonly<Record<string, unknown>>, where: string): C
  /** The fields of `config.json`. */
  writeConfig(config: C): Readonly<Record<string, unknown>>
  /** What all names but the head's begin with; checkpoints of the model without its head leave it out. */
  readonly prefix: string
  build(config: C, root: Scope): BackboneModel
  /** @param width of the new layer's input */
  newLinear(config: C, width: number, variant: Variant): LinearStart
  /** How rows of a table that is added start. */
  newTable(config: C): Initializer
  /** Name of the weight that makes logits. */
  headName(config: C): string
  /** Weights with a row or element a token, and how those start that a checkpoint lacks. */
  tokenRows(config: C): readonly Omit<ParameterSpec, 'trained'>[]
  /** Where a decoder's first own word stands behind the start token: BART says `<s>` before it. */
  readonly answerPlace: number
  /** The kind of norm that pictures get. */
  readonly norm: 'rms' | 'layer'
}

/** Keeps the configuration's type inside a row while the table holds rows of all kinds. */
export function defineArchitecture<C extends BackboneConfig>(row: Architecture<C>): Architecture {
  return row as unknown as Architecture
}

/** Bias of a backbone stack's own self attention. */
export function ownBias(stack: BackboneStack, rows: Rows): Tensor {
  return stack.selfBias(rows, stack.table(stack.blockAt(0), stack.sizes))
}

/**
 * Runs a stack of the backbone.
 *
 * @param x [b, t, d], embeddings that entered
 * @param options.past keys and values in front of each layer's own
 * @param options.onBlock sees every block's output: where a ladder taps
 * @returns [b, t, d]
 */
export function runStack(
  x: Tensor,
  stack: BackboneStack,
  options: {
    readonly bias: Tensor
    readonly cross?: CrossAttention
    readonly past?: readonly KeyValues[]
    readonly onKeyValues?: (made: KeyValues) => void
    readonly onBlock?: (hiddenStates: Tensor, layer: number) => void
  },
): Tensor {
  const { past, onBlock, ...run } = options
  let h = stack.at.dropout(x)
  for (let layer = 0; layer < stack.layers; layer++) {
    h = stack.block(h, { ...run, at: stack.blockAt(layer), sizes: stack.sizes, past: past?.[layer] })
    onBlock?.(h, layer)
  }
  return stack.finish(h, 'final_layer_norm')
}
