import { describe, expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { nextStep, type JoinState } from './join-patience.ts'

const base: JoinState = { role: 'node', hasModel: false, answers: ['absent'], elapsedMs: 0, allWaitingMs: 0 }
const { absentTimeoutMs, notReadyTimeoutMs, createAfterMs } = swarmLimits

describe('after a round without success', () => {
  test.each([
    ['a node waits for the address it was told', {}, 'ask-again'],
    ['not for ever', { elapsedMs: absentTimeoutMs }, 'give-up'],
    ['a command does not wait for who is not there', { role: 'client' }, 'give-up'],
    ['no address at all may be dialled', { answers: ['useless'] }, 'give-up'],
    ['one of two may still come', { answers: ['useless', 'absent'] }, 'ask-again'],
    [
      'who makes the manifest is waited for, by commands too',
      { role: 'client', answers: ['absent', 'making'] },
      'ask-again',
    ],
    [
      'a large model takes longer to make than a machine to start',
      { answers: ['making'], elapsedMs: absentTimeoutMs },
      'ask-again',
    ],
    ['and not for ever', { answers: ['making'], elapsedMs: notReadyTimeoutMs }, 'give-up'],
    ['all wait, and nobody has a model', { answers: ['waiting'], allWaitingMs: createAfterMs }, 'ask-again'],
    [
      'all wait for a model: this node has it',
      { answers: ['waiting', 'absent'], hasModel: true, allWaitingMs: createAfterMs },
      'create',
    ],
    [
      'they may be learning it at this moment',
      { answers: ['waiting'], hasModel: true, allWaitingMs: createAfterMs - 1 },
      'ask-again',
    ],
    [
      'somebody makes it already',
      { answers: ['waiting', 'making'], hasModel: true, allWaitingMs: createAfterMs },
      'ask-again',
    ],
    [
      'a command creates nothing',
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
