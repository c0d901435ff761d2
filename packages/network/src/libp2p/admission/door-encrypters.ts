import type { noise } from '@chainsafe/libp2p-noise'
import type { OpenDoor } from '../../admission/admission.ts'
import { admitAsDialler, admitAsListener, type Gate } from './admit-inside.ts'

type MakeEncrypter = ReturnType<typeof noise>
type Components = Parameters<MakeEncrypter>[0]
type Encrypter = ReturnType<MakeEncrypter>

export interface DoorEncryptersOptions extends Gate {
  /** Noise with a prologue. */
  readonly noiseFor: (prologue: Uint8Array) => MakeEncrypter
}

const nameOf = (tag: string): string => `/shoal-noise/${tag}`

/**
 * The encrypters of a node with admission: one per open door, so that a peer that knows no secret finds no encryption that
 * both speak. Doors open and close while the node runs.
 */
export function doorEncrypters(options: DoorEncryptersOptions): MakeEncrypter[] {
  const made = new Map<string, Encrypter>()
  const encrypterOf = (open: OpenDoor, components: Components): Encrypter => {
    const known = made.get(open.door.tag)
    if (known !== undefined) return known
    const encrypter = admitting(options.noiseFor(open.door.prologue)(components), open, options)
    made.set(open.door.tag, encrypter)
    return encrypter
  }
  const follow = (components: Components): void => {
    const encrypters = components.upgrader.getConnectionEncrypters()
    const doors = options.admission.doors()
    const tags = new Set(doors.map(({ door }) => door.tag))
    for (const tag of made.keys()) if (!tags.has(tag)) made.delete(tag)
    // libp2p offers them in the order of this map.
    encrypters.clear()
    for (const open of doors) encrypters.set(nameOf(open.door.tag), encrypterOf(open, components))
  }
  return options.admission.doors().map((open, index) => (components: Components) => {
    if (index === 0) options.admission.onDoors(() => follow(components))
    return encrypterOf(open, components)
  })
}

/** An encrypter that admits the peer at the other end before it hands the connection over. */
function admitting(
  encrypter: Encrypter,
  { door: { tag }, dials, answers }: OpenDoor,
  options: DoorEncryptersOptions,
): Encrypter {
  return {
    protocol: nameOf(tag),
    async secureOutbound(connection, secureOptions) {
      if (!dials) throw new Error('this door is for those who come in')
      return admitAsDialler(
        await encrypter.secureOutbound(connection, secureOptions),
        tag,
        options,
        secureOptions,
      )
    },
    async secureInbound(connection, secureOptions) {
      if (!answers) throw new Error('this door is for dialling only')
      return admitAsListener(
        await encrypter.secureInbound(connection, secureOptions),
        tag,
        options,
        secureOptions,
      )
    },
  }
}
