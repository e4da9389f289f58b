/**
 * Shows that Python's PEFT loads what LoRA trained, and computes the same logits. It needs a Python of its own, and runs
 * on texts with `--method lora --lora-bias none` whose backbone has a row for each token of its tokenizer:
 *
 *     python3 -m venv .venv && .venv/bin/pip install torch transformers peft safetensors
 *     node scripts/check-peft.mjs .venv/bin/python RUN…
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import './build.mjs'

const built = new URL('../dist/src/', import.meta.url)
const load = (file) => import(new URL(file, built))
const { int64, nativeRuntime } = await load('runtime/index.js')
const { cacheFolder } = await load('files/index.js')
const { overlay, writeSafetensors } = await load('weights/index.js')
const { decodeGraph, encodeGraph, openSession } = await load('training/index.js')
const { openSavedRun } = await load('training/trainedRun.js')

const [python, ...runs] = process.argv.slice(2)
if (python === undefined || runs.length === 0) {
  process.stderr.write('which Python, which runs? node scripts/check-peft.mjs VENV/bin/python RUN…\n')
  process.exit(2)
}

const [batch, text, target] = [3, 7, 4]

/** Ids that no padding is among, the same every time. */
function ids(length, vocabulary, start) {
  const all = Array.from({ length: batch * length }, (_, i) => BigInt(3 + ((i * 7 + 1) % (vocabulary - 3))))
  if (start !== undefined) for (let row = 0; row < batch; row++) all[row * length] = BigInt(start)
  return int64([batch, length], BigInt64Array.from(all))
}

async function logitsOf({ prepared: { spec: own, backbone }, weights }, feeds) {
  const spec = { ...own, method: { ...own.method, trains: () => false } }
  const all = overlay(backbone.weights, weights)
  const options = { runtime: nativeRuntime, threads: 1 }
  const given = ({ graph }, tensors) =>
    Object.fromEntries(Object.entries(tensors).filter(([name]) => graph.inputs.has(name)))
  const encoder = await openSession(encodeGraph(spec), all, options)
  const decoder = await openSession(decodeGraph(spec), all, options)
  try {
    const state = await encoder.run(given(encoder, feeds))
    const { logits } = await decoder.run(given(decoder, { ...feeds, ...state }))
    return { shape: logits.shape, floats: logits.floats.slice() }
  } finally {
    encoder.close()
    decoder.close()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'vl-lst-peft-'))
try {
  const cases = []
  for (const [i, path] of runs.entries()) {
    const onNote = (note) => process.stderr.write(`${note}\n`)
    const run = openSavedRun(path, {
      cache: cacheFolder(),
      onNote,
      runtime: nativeRuntime,
      checkpoint: 'last',
    })
    const { config } = run.prepared.spec
    const feeds = {
      inputIds: ids(text, config.vocabSize),
      attentionMask: int64([batch, text], new BigInt64Array(batch * text).fill(1n)),
      decoderInputIds: ids(target, config.vocabSize, config.decoderStartTokenId),
    }
    const { shape, floats } = await logitsOf(run, feeds)
    const whole = (name, length, { data }) => ({ name, dtype: 'I64', shape: [batch, length], data })
    writeSafetensors(join(folder, `${i}.safetensors`), [
      { name: 'logits', dtype: 'F32', shape, data: floats },
      whole('input_ids', text, feeds.inputIds),
      whole('attention_mask', text, feeds.attentionMask),
      whole('decoder_input_ids', target, feeds.decoderInputIds),
    ])
    cases.push({
      ...{ name: path, backbone: resolve(run.config.backbone), tensors: `${i}.safetensors` },
      adapter: realpathSync(join(path, 'last')),
    })
  }
  writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases))
  const script = fileURLToPath(new URL('check-peft.py', import.meta.url))
  const { status, error } = spawnSync(python, [script, folder], { stdio: 'inherit' })
  if (error) process.stderr.write(`${python} can't be started: ${error.message}\n`)
  process.exitCode = status ?? 2
} finally {
  rmSync(folder, { recursive: true, force: true })
}
