/** How fast steps go; pauses for evaluation don't count. */
export class Pace {
  readonly #totalSteps: number
  #last = performance.now()
  #secondsPerStep = 0
  #samplesPerStep = 0
  #seconds = 0

  constructor(totalSteps: number) {
    this.#totalSteps = totalSteps
  }

  /** Notes a step that has just ended; recent ones count most. */
  step(samples: number): void {
    const now = performance.now()
    const seconds = (now - this.#last) / 1000
    this.#last = now
    this.#seconds += seconds
    const weight = this.#secondsPerStep === 0 ? 1 : 0.05
    this.#secondsPerStep += weight * (seconds - this.#secondsPerStep)
    this.#samplesPerStep += weight * (samples - this.#samplesPerStep)
  }

  /** Does something that is no step. */
  async pause(work: () => Promise<void>): Promise<void> {
    await work()
    this.#last = performance.now()
  }

  /** Seconds of steps so far. */
  get seconds(): number {
    return this.#seconds
  }

  get samplesPerSecond(): number {
    return this.#samplesPerStep / this.#secondsPerStep
  }

  secondsLeft(step: number): number {
    return (this.#totalSteps - step) * this.#secondsPerStep
  }
}
