/**
 * Rarer words for what things are like. Some are said in one split alone: whoever answers there has to know them from
 * elsewhere, as the built-in T5 does, which has read all of them.
 */
import type { Random } from '../../src/base/index.js'
import { type Attribute, attributeNames, type ValueOf, valuesOf, type WorldSplit } from './attributes.js'

const spoken: { readonly [A in Attribute]: Readonly<Record<ValueOf<A>, string>> } = {
  size: {
    small:
      'petite wee minute miniature compact puny slight mini pocket teeny dwarf minor dinky micro undersized bitty',
    large:
      'giant enormous massive vast immense colossal mighty gigantic hefty jumbo sizeable bulky tremendous mammoth ' +
      'oversized titanic',
  },
  pattern: {
    plain:
      'unmarked bare unpatterned blank even uniform pure smooth simple monochrome unbroken clean undecorated ' +
      'homogeneous stainless flat',
    striped:
      'banded lined barred streaky ribbed zebra tigerish ruled slatted corded pinstriped streaked ridged furrowed ' +
      'laned belted',
    dotted:
      'speckled freckled dappled flecked polka pimpled mottled peppered stippled pocked sprinkled ladybird leopard ' +
      'spangled measly studded',
  },
  colour: {
    red:
      'crimson scarlet ruby cherry vermilion carmine maroon rusty rosy tomato cardinal burgundy bloody russet garnet ' +
      'fiery',
    green:
      'emerald jade olive lime mossy minty leafy grassy avocado viridian celadon ferny pistachio verdant pickle kelly',
    blue:
      'azure navy cobalt sapphire cerulean teal indigo sky denim ultramarine lapis turquoise aqua cyan cornflower ' +
      'oceanic',
    yellow:
      'golden amber lemon mustard saffron canary sunny buttery straw honey banana corn flaxen maize citron blond',
    purple:
      'violet lilac mauve plum lavender magenta amethyst aubergine mulberry orchid heather grape fuchsia damson ' +
      'wisteria iris',
    black:
      'ebony jet inky sable sooty coal onyx raven charcoal obsidian pitch midnight tarry crow dusky swarthy',
  },
  shape: {
    circle: 'coin wheel button dial ball orb bead plate token roundel hoop sphere pellet medal cookie saucer',
    square:
      'tile block cube panel pane crate carton quad tablet cushion frame plaque parcel window stamp dice',
    triangle:
      'wedge pyramid cone delta gable prism arrowhead spike sail tepee pennant funnel shard tent trigon steeple',
    star: 'pentagram asterisk sparkle spark twinkler pentacle comet meteor nova sparkler snowflake spur flare badge burst sun',
    heart:
      'valentine sweetheart cardioid darling ticker locket cupid charm amour romance kiss passion devotion soul bosom core',
  },
}

/** Where the words of a value are said, by turns: of every four two everywhere. */
const saidIn: readonly (WorldSplit | undefined)[] = [undefined, 'val', undefined, 'test']

/** Share of the rare words in validation and test questions that no other split's questions have. */
const ownShare = 0.5

/** All rare words for a value. */
export function rareWordsFor(attribute: Attribute, value: string): readonly string[] {
  return (spoken[attribute] as Readonly<Record<string, string>>)[value]!.split(' ')
}

/** The one split of pictures whose questions have a rare word, or `undefined` where all have it. */
export function ownerOf(attribute: Attribute, value: string, word: string): WorldSplit | undefined {
  return saidIn[rareWordsFor(attribute, value).indexOf(word) % saidIn.length]
}

/** A rare word for a value, as a split's questions have it; what models read beforehand has all of them. */
export function drawRareWord(attribute: Attribute, value: string, split: WorldSplit, random: Random): string {
  const words = rareWordsFor(attribute, value)
  if (split === 'pretrain') return random.pick(words)
  const owner = split !== 'train' && random.uniform() < ownShare ? split : undefined
  return random.pick(words.filter((word) => ownerOf(attribute, value, word) === owner))
}

/** Every rare word. */
export const rareWords: readonly string[] = attributeNames.flatMap((attribute) =>
  valuesOf(attribute).flatMap((value) => rareWordsFor(attribute, value)),
)
