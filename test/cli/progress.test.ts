import { afterEach, describe, expect, test, vi } from 'vitest'
import { interruptible } from '../../src/cli/interrupt.js'
import { createProgress } from '../../src/cli/progress.js'
import { tasks } from '../../src/tasks/index.js'
import type { TrainEvent, TrainResult } from '../../src/training/index.js'
import { mergeConfig } from '../../src/training/index.js'
import { presetFor } from '../../src/training/presets.js'

afterEach(() => void vi.useRealTimers())

/** A stream that remembers; a terminal 60 columns wide where `isTTY` is. */
function recorded({ isTTY, colours = false }: { readonly isTTY: boolean; readonly colours?: boolean }) {
  const written: string[] = []
  const stream = { isTTY, columns: 60, hasColors: () => colours, write: (text: string) => written.push(text) }
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => written.join('') }
}

const startOf = (totalSteps: number): TrainEvent => ({
  ...{
    kind: 'start',
    folder: 'runs/x',
    config: mergeConfig(presetFor(tasks.get('vqa'), { method: 'lst' })),
    totalSteps,
    step: 0,
  },
  ...{ trained: 10, parameters: 200, samples: { train: 1000, validation: 50 } },
})

const stepAt = (step: number): TrainEvent => ({
  ...{ kind: 'step', step, epoch: step / 10, loss: 1.5, learningRate: 1e-3, gradientNorm: 1 },
  ...{ samplesPerSecond: 123.4, secondsLeft: 200, peakBytes: 512 * 2 ** 20 },
})

const rows = [{ by: 'overall', name: 'overall', count: 1234, score: 50 }]
const result: TrainResult = { folder: 'runs/x', outcome: 'finished', step: 3, scores: { test: rows } }

test('a terminal has one line that is written again, cut to its width', () => {
  const [out, err] = [recorded({ isTTY: false }), recorded({ isTTY: true })]
  const progress = createProgress({ out: out.stream, err: err.stream }, { json: false, quiet: false })
  for (const event of [startOf(3), stepAt(1), stepAt(2)]) progress.report(event)
  progress.report({ kind: 'evaluating', split: 'test', noun: 'question', done: 5, total: 50 })
  progress.report({ kind: 'evaluation', split: 'test', step: 2, rows, best: true })
  progress.end()
  progress.finish(result, ['next: x'])
  const line = (step: number) =>
    `epoch 0.${step}0/20 · step ${step}/3 · loss 1.5000 · 123 samples/s · 3 mi`.slice(0, 59)
  expect(err.text()).toBe(
    'vqa by lst: 10 of 200 (5.0 %) parameters train\n' +
      '1,000 train, 50 validation samples; 3 steps of 300\n' +
      'into runs/x\n' +
      `\r\u001b[K${line(1)}\r\u001b[K${line(2)}` +
      '\r\u001b[Kanswering test: 5 of 50 questions' +
      `\r\u001b[K${line(2)}` +
      `\r\u001b[Ktest after step 2: 50.00 %\n${line(2)}` +
      '\nnext: x\n',
  )
  expect(out.text()).toBe('test\ntype     count  score\noverall  1,234  50.00\n')
})

test('colour is for terminals that have it, which NO_COLOR decides', () => {
  const shown = (colours: boolean) => {
    const err = recorded({ isTTY: true, colours })
    createProgress({ out: err.stream, err: err.stream }, { json: false, quiet: false }).report({
      kind: 'note',
      text: 'slower',
    })
    return err.text()
  }
  expect(shown(true)).toBe('\u001b[2mslower\u001b[22m\n')
  expect(shown(false)).toBe('slower\n')
})

describe('without a terminal', () => {
  function linesOf(steps: number, msPerStep: number): readonly string[] {
    vi.useFakeTimers({ toFake: ['Date'] })
    const err = recorded({ isTTY: false })
    const progress = createProgress({ out: err.stream, err: err.stream }, { json: false, quiet: false })
    progress.report(startOf(steps))
    for (let step = 1; step <= steps; step++) {
      vi.advanceTimersByTime(msPerStep)
      progress.report(stepAt(step))
    }
    progress.end()
    return err
      .text()
      .split('\n')
      .filter((line) => line.includes(' · step '))
  }

  test('at most a line every two seconds is written, and always the last', () => {
    const lines = linesOf(30, 500)
    expect(lines).toHaveLength(9) // steps 1, 5, … 29 and 30
    expect(lines.at(-1)).toContain('step 30/30')
  })

  test('a long run has about a hundred lines', () => {
    const lines = linesOf(10_000, 60_000)
    expect(lines.length).toBeLessThanOrEqual(101)
    expect(lines.at(-1)).toContain('step 10,000/10,000')
  })
})

describe('Ctrl-C', () => {
  test('asks once; a second one within a second is the same, a later one ends at once', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never)
    let [now, asked] = [5000, 0]
    const interruption = interruptible(
      () => asked++,
      () => now,
    )
    interruption.interrupt()
    now += 900
    interruption.interrupt()
    expect({ asked, aborted: interruption.signal.aborted, ended: exit.mock.calls.length }).toEqual({
      ...{ asked: 1, aborted: true, ended: 0 },
    })
    now += 200
    interruption.interrupt()
    expect(exit).toHaveBeenCalledWith(130)
    interruption.close()
    interruption.close()
    exit.mockRestore()
  })
})
