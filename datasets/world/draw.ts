/** A scene as SVG. */
import type { ValueOf } from './attributes.js'
import { pictureSide, type Scene, type Thing } from './scene.js'

const fills: Readonly<Record<ValueOf<'colour'>, string>> = {
  red: '#d62828',
  green: '#2a9d3a',
  blue: '#2458d3',
  yellow: '#f4d20c',
  purple: '#7b2fa8',
  black: '#1b1b1b',
}

/** Two corners of each ground, light enough for every colour to stand out. */
const grounds = [
  ['#f2f2f2', '#dcdcdc'],
  ['#f4ecdc', '#e2d6bd'],
  ['#e0edf7', '#c6dcec'],
  ['#e3f3e3', '#cbe4cd'],
  ['#f3e6f0', '#e2d0df'],
  ['#fbf7e9', '#e9e9f2'],
] as const

/** Outlines that fill the unit circle; y points down. */
const outlines: Readonly<Record<ValueOf<'shape'>, string>> = {
  circle: '<circle r="0.95"/>',
  square: '<rect x="-0.76" y="-0.76" width="1.52" height="1.52"/>',
  triangle: polygon([0, -1], [0.92, 0.62], [-0.92, 0.62]),
  star: polygon(
    ...Array.from({ length: 10 }, (_, i): readonly [number, number] => {
      const radius = i % 2 === 0 ? 1 : 0.42
      return [radius * Math.sin((Math.PI * i) / 5), -radius * Math.cos((Math.PI * i) / 5)]
    }),
  ),
  heart:
    '<path d="M0 0.92 C-1.5 -0.15 -0.85 -1.1 -0.3 -0.88 C-0.12 -0.8 0 -0.62 0 -0.5 ' +
    'C0 -0.62 0.12 -0.8 0.3 -0.88 C0.85 -1.1 1.5 -0.15 0 0.92 Z"/>',
}

function polygon(...corners: readonly (readonly [number, number])[]): string {
  return `<polygon points="${corners.map(([x, y]) => `${x.toFixed(3)},${y.toFixed(3)}`).join(' ')}"/>`
}

/** What lies on a thing, in its own units, to be cut along its outline. */
const patterns: Readonly<Record<ValueOf<'pattern'>, string>> = {
  plain: '',
  striped: [-0.8, -0.4, 0, 0.4, 0.8]
    .map((y) => `<rect x="-1" y="${y - 0.09}" width="2" height="0.18"/>`)
    .join(''),
  dotted: [-0.66, -0.22, 0.22, 0.66]
    .flatMap((y) => [-0.66, -0.22, 0.22, 0.66].map((x) => `<circle cx="${x}" cy="${y}" r="0.12"/>`))
    .join(''),
}

/** The picture before the noise: `pictureSide` pixels a side. */
export function drawScene({ things, background }: Scene): string {
  const [from, to] = grounds[background]!
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${pictureSide}" height="${pictureSide}"><defs>` +
    `<linearGradient id="g" x2="1" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/>` +
    `</linearGradient>${things.map(clip).join('')}</defs>` +
    `<rect width="100%" height="100%" fill="url(#g)"/>${things.map(drawThing).join('')}</svg>`
  )
}

const clip = ({ shape }: Thing, i: number) => `<clipPath id="c${i}">${outlines[shape]}</clipPath>`

function drawThing({ x, y, radius, angle, colour, shape, pattern }: Thing, i: number): string {
  const ink = colour === 'black' ? '#fff9' : '#0009'
  const on = pattern === 'plain' ? '' : `<g fill="${ink}" clip-path="url(#c${i})">${patterns[pattern]}</g>`
  return (
    `<g transform="translate(${x} ${y}) rotate(${angle}) scale(${radius})">` +
    `<g fill="${fills[colour]}" stroke="#3338" stroke-width="0.04">${outlines[shape]}</g>${on}</g>`
  )
}
