export { humanBytes, nearest, UserError } from './errors.js'
export { camel, kebab } from './names.js'
export { hash32, Random } from './random.js'
export { type Registry, registry } from './registry.js'
