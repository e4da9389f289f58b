/** A model's graph together with the parameters that it has. */
import { type Graph, gradients, graphOf, type Tensor } from '../graph/index.js'
import type { ModelBuild, ParameterSpec } from './scope.js'

export interface BuiltGraph {
  readonly graph: Graph
  readonly parameters: readonly ParameterSpec[]
}

/** Name of the output that holds a parameter's gradient. */
export const gradientName = (parameter: string): string => `grad/${parameter}`

export const parametersOf = (model: ModelBuild): readonly ParameterSpec[] =>
  [...model.parameters.values()].map(({ spec }) => spec)

export function builtGraph(outputs: Readonly<Record<string, Tensor>>, model: ModelBuild): BuiltGraph {
  return { graph: graphOf(outputs), parameters: parametersOf(model) }
}

/**
 * The gradient of a loss by every trained parameter that it depends on, by {@link gradientName}.
 *
 * @param loss float, no dimensions
 */
export function trainedGradients(loss: Tensor, model: ModelBuild): Record<string, Tensor> {
  const trained = [...model.parameters.values()].filter(({ spec }) => spec.trained)
  const computed = gradients(
    loss,
    trained.map(({ tensor }) => tensor),
  )
  return Object.fromEntries(
    computed.flatMap((gradient, i) => (gradient ? [[gradientName(trained[i]!.spec.name), gradient]] : [])),
  )
}
