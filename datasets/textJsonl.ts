/** One's own texts for a task of GLUE: its texts by their names and a label a line, as JSON. */
import { z } from 'zod'
import { type GlueRow, glueRow, glueTasks } from './glue.js'
import { splitBy } from './holdOut.js'
import { type BadLine, isJsonl, readLines, readSplits } from './jsonlFiles.js'
import { explain } from './rows.js'
import type { DataSet, DataSetReader, TextSample } from './samples.js'

export const textJsonl: DataSetReader = {
  name: 'text-jsonl',
  tasks: glueTasks,
  layout: 'a .jsonl file of lines like {"sentence1": "…", "sentence2": "…", "label": "entailment"}',
  recognises: isJsonl,
  async read(path, { task }) {
    const row = glueRow(task)!
    const schema = schemaOf(row)
    const read = (file: string) =>
      readLines(file, exampleOf(row), (content, index, bad) => sampleOf(content, { row, schema, index, bad }))
    const [first] = Object.keys(row.texts)
    return {
      name: 'text-jsonl',
      splits: await readSplits(path, read, (samples) =>
        splitBy(path, samples, ({ texts }) => texts[first!]!, 'has rows about one text only'),
      ),
    } satisfies DataSet<TextSample>
  },
}

/** A label is written as the task's own files have it, or as the number of its class. */
function schemaOf({ texts, labels }: GlueRow) {
  const label =
    labels === 'scores'
      ? z
          .number('not a number from 0 to 5')
          .min(0, 'not a number from 0 to 5')
          .max(5, 'not a number from 0 to 5')
      : z.literal([...labels, ...labels.keys()], `not one of ${labels.join(', ')}, nor the number of a class`)
  const fields = Object.keys(texts).map((name) => [name, z.string('not a string')] as const)
  return z.object({ ...Object.fromEntries(fields), label }, 'not an object')
}

function exampleOf({ texts, labels }: GlueRow): string {
  const fields = Object.keys(texts).map((name) => `"${name}": "…"`)
  const label = labels === 'scores' ? '3.8' : JSON.stringify(labels[0])
  return `{${[...fields, `"label": ${label}`].join(', ')}}`
}

function sampleOf(
  content: unknown,
  {
    row: { labels },
    schema,
    index,
    bad,
  }: {
    readonly row: GlueRow
    readonly schema: ReturnType<typeof schemaOf>
    readonly index: number
    readonly bad: BadLine
  },
): TextSample {
  const parsed = schema.safeParse(content)
  if (!parsed.success) throw bad(explain(content, content, parsed.error.issues[0]!))
  const { label, ...texts } = parsed.data
  const number = typeof label === 'string' && labels !== 'scores' ? labels.indexOf(label) : Number(label)
  return { index, texts, label: labels === 'scores' ? Math.fround(number) : number }
}
