/** `batchSize` → `batch-size`: how a field is called on the command line and in configuration files. */
export function kebab(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `batch-size` → `batchSize` */
export function camel(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
