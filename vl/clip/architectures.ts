/** Published CLIPs with a vision transformer, by name (Radford et al. 2021, table 20). */
import { registry } from '../../src/base/index.js'
import { type ClipConfig, readClipConfig } from './config.js'

export interface ClipArchitecture {
  readonly name: string
  readonly config: ClipConfig
}

type Tower = readonly [width: number, heads: number, layers: number]

function clip(name: string, patch: number, projection: number, vision: Tower, text: Tower): ClipArchitecture {
  const tower = ([width, heads, layers]: Tower) => ({
    ...{ hidden_size: width, intermediate_size: 4 * width },
    ...{ num_attention_heads: heads, num_hidden_layers: layers },
  })
  const raw = {
    model_type: 'clip',
    projection_dim: projection,
    vision_config: { ...tower(vision), patch_size: patch },
    text_config: tower(text),
  }
  return { name, config: readClipConfig(raw, name) }
}

export const clipArchitectures = registry<ClipArchitecture>('CLIP', [
  clip('vit-b32', 32, 512, [768, 12, 12], [512, 8, 12]),
  clip('vit-b16', 16, 512, [768, 12, 12], [512, 8, 12]),
  clip('vit-l14', 14, 768, [1024, 16, 24], [768, 12, 12]),
])
