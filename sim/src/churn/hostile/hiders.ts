import { readStatement } from '@shoal/membership/testing'
import type { MembersMessage } from '@shoal/protocol'
import type { Malice, Puppet } from './puppet.ts'

/** Passes on nothing: others hear from it only what it says of itself. */
export function omitter(puppet: Puppet): Malice {
  const own = (bytes: Uint8Array): boolean => readStatement(bytes).signer === puppet.peerId
  return {
    outgoing: (_to, message) => {
      if (message.type === 'proof') return []
      if (message.type === 'words' && message.pushed) return []
      if (message.type === 'beat') return [{ ...message, words: [] }]
      if (message.type !== 'statements') return [message]
      const statements = message.statements.filter(own)
      return statements.length === 0 ? [] : [{ ...message, statements }]
    },
  }
}

/** Watches, but reports nobody, and passes on no report of others. */
export function accomplice(): Malice {
  return {
    outgoing: (_to, message) => {
      if (message.type !== 'statements') return [message]
      const statements = message.statements.filter((bytes) => readStatement(bytes).kind === 'alive')
      return statements.length === 0 ? [] : [{ ...message, statements }]
    },
  }
}

/** Beats to half of its neighbours only: the others hear nothing of it but what it signs. */
export function twoFaced(puppet: Puppet): Malice {
  const hidden = new Map<string, boolean>()
  const isHidden = (peer: string): boolean => {
    const before = hidden.get(peer) ?? puppet.below(2) === 0
    hidden.set(peer, before)
    return before
  }
  return { outgoing: (to, message) => (message.type === 'beat' && isHidden(to) ? [] : [message]) }
}

const turnsHeldBack = 15

/** Holds the `alive` of others back for some seconds, in which they may have ended, and then sends them to all. */
export function hoarder(puppet: Puppet): Malice {
  const heldBack: { readonly bytes: Uint8Array; turns: number }[] = []
  return {
    heard(_from, message) {
      if (message.type !== 'statements') return
      for (const bytes of message.statements)
        if (readStatement(bytes).kind === 'alive' && heldBack.length < 200)
          heldBack.push({ bytes: bytes.slice(), turns: turnsHeldBack })
    },
    outgoing: (_to, message) => {
      if (message.type !== 'statements') return [message]
      const statements = message.statements.filter((bytes) => {
        const { kind, signer } = readStatement(bytes)
        return kind !== 'alive' || signer === puppet.peerId
      })
      return statements.length === 0 ? [] : [{ ...message, statements }]
    },
    turn() {
      for (const one of heldBack) one.turns -= 1
      while (heldBack[0] !== undefined && heldBack[0].turns <= 0) {
        const { bytes } = heldBack.shift()!
        puppet.sayToAll({ type: 'statements', pushed: true, statements: [bytes] })
      }
      return Promise.resolve()
    },
  }
}

/** Remembers what others have sent, and says it again and again. */
export function parrot(puppet: Puppet): Malice {
  const remembered: MembersMessage[] = []
  return {
    heard(_from, message) {
      if (message.type !== 'words' && message.type !== 'statements' && message.type !== 'proof') return
      // Old and new ones remain.
      if (remembered.length < 200) remembered.push(copyOf(message))
      else remembered[puppet.below(200)] = copyOf(message)
    },
    turn() {
      for (const peer of puppet.neighbours())
        for (let times = 0; times < 5 && remembered.length > 0; times += 1)
          puppet.say(peer, remembered[puppet.below(remembered.length)]!)
      return Promise.resolve()
    },
  }
}

/** The byte fields of a message are views into a frame that its receiver may free. */
function copyOf<Message extends MembersMessage>(message: Message): Message {
  if (message.type === 'statements')
    return { ...message, statements: message.statements.map((bytes) => bytes.slice()) }
  if (message.type === 'words' || message.type === 'proof')
    return { ...message, words: message.words.map((bytes) => bytes.slice()) }
  return message
}
