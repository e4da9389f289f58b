/** A process that answers each line with a line of JSON. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export class Worker {
  #child
  #lines

  /** @param fds descriptors that the process inherits, from 3 on */
  constructor(command, args, fds = []) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit', ...fds] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  get pid() {
    return this.#child.pid
  }

  /** The next line that the process prints. */
  async next() {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.#child.spawnfile} ended early`)
    return JSON.parse(value)
  }

  async ask(line) {
    this.#child.stdin.write(`${line}\n`)
    return await this.next()
  }

  async quit() {
    this.#child.stdin.end('quit\n')
    await new Promise((resolve) => this.#child.once('exit', resolve))
  }
}
