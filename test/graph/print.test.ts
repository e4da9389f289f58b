import { expect, test } from 'vitest'
import {
  add,
  atSite,
  constant,
  gradients,
  graphOf,
  input,
  matMul,
  parameter,
  printGraph,
  sum,
} from '../../src/graph/index.js'

test('a graph prints a tensor a line', () => {
  const x = input('x', ['batch', 3])
  const weight = parameter('lm_head.weight', [5, 3], false)
  const bias = parameter('bias', [5], true)
  const offsets = constant(Float32Array.of(1, 2, 3, 4, 5), [5], 'float32')
  const logits = atSite('lm_head', () => matMul(x, weight, { transposeB: true }))
  const loss = sum(add(add(add(logits, bias), offsets), 0.5))
  const [gradient] = gradients(loss, [bias])
  expect(printGraph(graphOf({ loss, 'bias.gradient': gradient! }))).toBe(`\
input x : float32 (batch, 3)
parameter lm_head.weight : float32 (5, 3)
parameter bias : float32 (5)
%0 = constant : float32 (5)
%1 = matMul(x, lm_head.weight) {transposeA: false, transposeB: true, alpha: 1} : float32 (batch, 5)   # lm_head
%2 = add(%1, bias) : float32 (batch, 5)
%3 = add(%2, %0) : float32 (batch, 5)
%4 = add(%3, 0.5) : float32 (batch, 5)
%5 = sum(%4) {axes: [0,1], keepDims: false} : float32 ()
%6 = reshape(1) {shape: [1,1]} : float32 (1, 1)
%7 = expand(%6) {shape: ["batch",5]} : float32 (batch, 5)
%8 = sum(%7) {axes: [0], keepDims: true} : float32 (1, 5)
%9 = reshape(%8) {shape: [5]} : float32 (5)
return loss = %5
return bias.gradient = %9
`)
})
