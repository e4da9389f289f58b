/** What a backbone's tensor is called in the ladder, or `undefined` where the ladder has none that it could start. */
export function sideName(name: string): string | undefined {
  const layer = /^((?:model\.)?(?:encoder|decoder))\.(?:block|layers)\./
  if (layer.test(name)) return name.replace(layer, '$1.side_block.')
  if (/^(encoder|decoder)\.final_layer_norm\./.test(name)) return name.replace('.final_', '.final_side_')
  return undefined
}
