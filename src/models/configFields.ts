import type { z } from 'zod'
import { UserError } from '../base/index.js'

/** The fields of a `config.json` as a schema has them. @throws {UserError} the first that is missing or bad */
export function parseFields<T>(schema: z.ZodType<T>, raw: unknown, where: string): T {
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UserError(
    `${where}: "${issue!.path.join('.')}": ${issue!.message}: take the model's own config.json`,
  )
}
