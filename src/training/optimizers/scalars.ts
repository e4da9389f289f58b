import { type HostTensor, zeros } from '../../runtime/index.js'

/** Numbers that a graph is fed with, in tensors that are made once and set before a run. */
export class Scalars<Name extends string> {
  readonly tensors: Readonly<Record<Name, HostTensor>>

  constructor(...names: readonly Name[]) {
    const entries = names.map((name) => [name, zeros('float32', [])] as const)
    this.tensors = Object.fromEntries(entries) as Record<Name, HostTensor>
  }

  /** Not while a run reads them. */
  set(values: Readonly<Record<Name, number>>): void {
    for (const [name, value] of Object.entries<number>(values)) this.tensors[name as Name].floats[0] = value
  }

  release(): void {
    for (const tensor of Object.values<HostTensor>(this.tensors)) tensor.release()
  }
}
