import { OwnWords, sealStatement, sealWord, swarmName, type Word } from '@shoal/membership/testing'
import type { Malice, Puppet } from './puppet.ts'

const turnsPerLie = 8

/** Signs two words under one number every few seconds, and gives one to each half of its neighbours. */
export function equivocator(puppet: Puppet): Malice {
  let turns = 0
  return {
    async turn() {
      turns += 1
      if (turns % turnsPerLie !== 0) return
      const incarnation = (puppet.lives.get(puppet.peerId)?.incarnation ?? 1000) + turns
      const words = [
        await firstWord(puppet, incarnation, 'one'),
        await firstWord(puppet, incarnation, 'other'),
      ]
      for (const [index, peer] of puppet.neighbours().entries())
        puppet.say(peer, { type: 'words', pushed: true, words: [words[index % 2]!.bytes] })
    },
  }
}

async function firstWord(puppet: Puppet, incarnation: number, text: string): Promise<Word> {
  const body = new OwnWords(puppet.peerId).next(
    incarnation,
    new Map([['problem', new TextEncoder().encode(text)]]),
  )
  if (body === undefined) throw new Error('a first word says something')
  return sealWord(puppet.transport, swarmName, body)
}

/** Signs words and statements in the names of others. */
export function forger(puppet: Puppet): Malice {
  return {
    async turn() {
      const names = [...puppet.lives.keys()].sort()
      const name = names[puppet.below(names.length)]
      if (name === undefined || puppet.below(5) > 0) return
      const { incarnation, count } = puppet.lives.get(name)!
      const alive = { kind: 'alive', signer: name, subject: name, incarnation, count: count + 1 } as const
      const { bytes } = await sealStatement(puppet.transport, swarmName, alive)
      puppet.sayToAll({ type: 'statements', pushed: true, statements: [bytes] })
    },
  }
}

/** Sends hundreds of messages a second to each neighbour, which are answered. */
export function flooder(puppet: Puppet): Malice {
  return {
    turn() {
      const hashes = new Uint32Array(0)
      for (let times = 0; times < 40; times += 1) {
        puppet.sayToAll({ type: 'vector', swarm: swarmName, salt: times, answer: false, hashes })
        puppet.sayToAll({ type: 'roll', salt: times, answer: false, hashes })
        puppet.sayToAll({ type: 'prune', lazy: times % 2 === 0 })
      }
      return Promise.resolve()
    },
  }
}

/** Says each second that it is alive, and that it lives again. */
export function restless(puppet: Puppet): Malice {
  let turns = 0
  return {
    async turn() {
      turns += 1
      const life = puppet.lives.get(puppet.peerId) ?? { incarnation: 1, count: 0 }
      const next =
        turns % 3 === 0
          ? { incarnation: life.incarnation + 1, count: 0 }
          : { incarnation: life.incarnation, count: life.count + 1 }
      puppet.lives.set(puppet.peerId, next)
      const { bytes } = await sealStatement(puppet.transport, swarmName, {
        kind: 'alive',
        signer: puppet.peerId,
        subject: puppet.peerId,
        ...next,
      })
      puppet.sayToAll({ type: 'statements', pushed: true, statements: [bytes] })
    },
  }
}
