/**
 * Makes src/graph/onnx.schema.json, ONNX's own message types as JSON, from the `onnx.proto` of the Python package
 * `onnx` (1.23.2 was used):
 *
 *     node scripts/make-onnx-schema.mjs VENV/lib/python3.X/site-packages/onnx/onnx.proto
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'

const [source] = process.argv.slice(2)
if (source === undefined) {
  process.stderr.write('which file? node scripts/make-onnx-schema.mjs PATH/TO/onnx.proto\n')
  process.exit(2)
}
const schema = protobuf.parse(readFileSync(source, 'utf8'), { keepCase: true }).root.toJSON()
const target = fileURLToPath(new URL('../src/graph/onnx.schema.json', import.meta.url))
writeFileSync(target, `${JSON.stringify(schema, null, 1)}\n`)
