/**
 * Holds what the graph is lowered to against ONNX's own checker: every operator with its gradients, and a training
 * step with frozen weights on disk. It needs a Python that has the package `onnx`:
 *
 *     python3 -m venv .venv && .venv/bin/pip install onnx && node scripts/check-onnx.mjs .venv/bin/python
 *
 * The graphs that ONNX Runtime gets contain operators that it contributes and the checker does not know (`FusedMatMul`
 * of its own domain; `SimplifiedLayerNormalization`, which it keeps in ONNX's): of those only the domains are checked.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import './build.mjs'

const built = new URL('../dist/src/graph/', import.meta.url)
const graph = await import(new URL('index.js', built))
const { applyAll } = await import(new URL('tensor.js', built))

const [python] = process.argv.slice(2)
if (python === undefined) {
  process.stderr.write('which Python? node scripts/check-onnx.mjs VENV/bin/python\n')
  process.exit(2)
}

/** Σ of all float outputs, and its gradients by all float inputs. */
function withGradients(outputs, inputs) {
  const isFloat = ({ dtype }) => dtype === 'float32'
  const named = Object.fromEntries(outputs.map((tensor, i) => [`y${i}`, tensor]))
  const sums = outputs.filter(isFloat).map((tensor) => graph.sum(tensor))
  if (sums.length === 0) return named
  const found = graph.gradients(
    sums.reduce((a, b) => graph.add(a, b)),
    inputs.filter(isFloat),
  )
  const gradients = found.flatMap((gradient, i) => (gradient ? [[`d${i}`, gradient]] : []))
  return { ...named, ...Object.fromEntries(gradients) }
}

/** An operator on one of its samples. */
function sampleGraph(operator, sample) {
  const inputs = sample.inputs.map((given, i) => {
    const dtype = 'ints' in given ? (given.dtype ?? 'int64') : 'float32'
    return graph.input(`x${i}`, given.shape ?? given, dtype)
  })
  return withGradients(applyAll(operator, inputs, sample.attributes), inputs)
}

/** One layer of attention over tied embeddings, its cross entropy, and the gradients of what is trained. */
function trainingStep() {
  const frozen = (name, shape) => graph.parameter(name, shape, false)
  const trained = ['q', 'norm'].map((name) => graph.parameter(name, name === 'q' ? [24, 24] : [24], true))
  const [q, scale] = trained
  const table = frozen('shared.weight', [600, 24])
  const h = graph.rmsNorm(graph.gather(table, graph.input('ids', ['batch', 'text'], 'int64')), scale, 1e-6)
  const scores = graph.matMul(graph.matMul(h, q, { transposeB: true }), h, { transposeB: true, alpha: 0.2 })
  const mixed = graph.matMul(
    graph.softmax(scores),
    graph.matMul(h, frozen('v', [24, 24]), { transposeB: true }),
  )
  const logits = graph.matMul(graph.add(h, mixed), table, { transposeB: true })
  const chosen = graph.pick(graph.logSoftmax(logits), graph.input('labels', ['batch', 'text'], 'int64'))
  const loss = graph.sum(graph.mul(chosen, graph.input('weights', ['batch', 1])))
  const [dq, dScale] = graph.gradients(loss, trained)
  return { loss, dq, dScale }
}

/** Writes a graph for both targets; frozen weights lie one after the other in a file beside it. */
function write(folder, name, outputs) {
  const made = graph.graphOf(outputs)
  for (const target of ['standard', 'onnxruntime']) {
    const placements = new Map()
    let offset = 0
    for (const [parameter, { shape }] of made.frozen) {
      const bytes = 4 * shape.reduce((a, b) => a * b, 1)
      placements.set(parameter, { file: `${name}.weights`, offset, bytes })
      offset += bytes
    }
    writeFileSync(join(folder, target, `${name}.weights`), new Uint8Array(offset))
    writeFileSync(join(folder, target, `${name}.onnx`), graph.lower(made, { target, placements }))
  }
}

const folder = mkdtempSync(join(tmpdir(), 'vl-lst-onnx-'))
try {
  for (const target of ['standard', 'onnxruntime']) mkdirSync(join(folder, target))
  for (const operator of graph.operators.entries) {
    for (const [i, sample] of operator.samples.entries())
      write(folder, `${operator.name}.${i}`, sampleGraph(operator, sample))
  }
  write(folder, 'trainingStep', trainingStep())
  const script = fileURLToPath(new URL('check-onnx.py', import.meta.url))
  const { status, error } = spawnSync(python, [script, folder], { stdio: 'inherit' })
  if (error) process.stderr.write(`${python} can't be started: ${error.message}\n`)
  process.exitCode = status ?? 2
} finally {
  rmSync(folder, { recursive: true, force: true })
}
