import type { MembersMessage } from '@shoal/protocol'
import type { Malice, Puppet } from './puppet.ts'

/** Says each second of everybody that it does not reach them. */
export function accuser(puppet: Puppet): Malice {
  return complainer(puppet, ['alert'])
}

/** Says each second of everybody that it holds them dead. */
export function gravedigger(puppet: Puppet): Malice {
  return complainer(puppet, ['alert', 'held'])
}

function complainer(puppet: Puppet, kinds: readonly ('alert' | 'held')[]): Malice {
  return {
    async turn() {
      for (const subject of [...puppet.lives.keys()].sort())
        for (const kind of kinds) {
          const bytes = await puppet.complaint(kind, subject)
          if (bytes !== undefined) puppet.sayToAll({ type: 'statements', pushed: true, statements: [bytes] })
        }
    },
  }
}

/** Digests, hashes and loads in its messages are made up, and it wants everybody's beats at once. */
export function confuser(puppet: Puppet): Malice {
  const { random } = puppet
  const hashes = (): Uint32Array =>
    Uint32Array.from({ length: puppet.below(20) }, () => random.uint32()).sort()
  return {
    outgoing: (_to, message) => [confused(message)],
  }

  function confused(message: MembersMessage): MembersMessage {
    if (message.type === 'beat') {
      const loads = Array.from({ length: puppet.below(9) }, () => ({
        peer: random.uint32(),
        sessions: puppet.below(65_536),
        busyPermille: puppet.below(1001),
      }))
      return { ...message, lives: random.uint32(), known: random.uint32(), wants: true, asks: true, loads }
    }
    if (message.type === 'roll' || message.type === 'vector')
      return { ...message, answer: false, hashes: hashes() }
    return message
  }
}
