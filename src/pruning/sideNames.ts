/** What a backbone's tensor is called in the ladder, or `undefined` where the ladder has none that it could start. */
export function sideName(name: string): string | undefined {
  if (/^(encoder|decoder)\.block\./.test(name)) return name.replace('.block.', '.side_block.')
  if (/^(encoder|decoder)\.final_layer_norm\./.test(name)) return name.replace('.final_', '.final_side_')
  return undefined
}
