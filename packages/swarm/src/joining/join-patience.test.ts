import { describe, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { nextStep, type JoinState } from './join-patience.ts'

const base: JoinState = { role: 'node', hasModel: false, answers: ['absent'], elapsedMs: 0, allWaitingMs: 0 }
const { absentTimeoutMs, notReadyTimeoutMs, clientPatienceMs, createAfterMs } = swarmLimits

describe('after a round without success', () => {
  test.each([
    ['a node waits for an address that does not answer', {}, 'ask-again'],
    ['a node waits for an address for a limited time', { elapsedMs: absentTimeoutMs }, 'give-up'],
    ['a command does not wait for an address that does not answer', { role: 'client' }, 'give-up'],
    ['a node gives up when no address can be joined', { answers: ['useless'] }, 'give-up'],
    [
      'a node waits when one of two addresses may still answer',
      { answers: ['useless', 'absent'] },
      'ask-again',
    ],
    [
      'a command waits for a peer that makes the manifest',
      { role: 'client', answers: ['absent', 'making'] },
      'ask-again',
    ],
    [
      'a command waits ten seconds for peers without a swarm, such as a bootstrap peer',
      { role: 'client', answers: ['waiting'], elapsedMs: clientPatienceMs },
      'give-up',
    ],
    [
      'a command waits longer for a peer that makes the manifest',
      { role: 'client', answers: ['making'], elapsedMs: clientPatienceMs },
      'ask-again',
    ],
    [
      'the wait for a manifest is longer than that for an address',
      { answers: ['making'], elapsedMs: absentTimeoutMs },
      'ask-again',
    ],
    ['the wait for a manifest is limited', { answers: ['making'], elapsedMs: notReadyTimeoutMs }, 'give-up'],
    [
      'a node without a model waits with the others',
      { answers: ['waiting'], allWaitingMs: createAfterMs },
      'ask-again',
    ],
    [
      'a node with the model creates the swarm when all others wait',
      { answers: ['waiting', 'absent'], hasModel: true, allWaitingMs: createAfterMs },
      'create',
    ],
    [
      'a node with the model first lets the others learn one',
      { answers: ['waiting'], hasModel: true, allWaitingMs: createAfterMs - 1 },
      'ask-again',
    ],
    [
      'a node with the model waits for a peer that makes the manifest',
      { answers: ['waiting', 'making'], hasModel: true, allWaitingMs: createAfterMs },
      'ask-again',
    ],
    [
      'a command creates no swarm',
      { role: 'client', answers: ['waiting'], hasModel: true, allWaitingMs: createAfterMs },
      'ask-again',
    ],
    ['who was not there may have a swarm', { hasModel: true, allWaitingMs: createAfterMs }, 'ask-again'],
    ['the only address is our own, and we have the model', { answers: [], hasModel: true }, 'create'],
    ['the only address is our own: somebody will come', { answers: [] }, 'ask-again'],
  ] as const)('%s', (_name, change, step) => {
    expect(nextStep({ ...base, ...change })).toBe(step)
  })
})
