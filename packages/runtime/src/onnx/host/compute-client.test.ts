import { ShoalError } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { createOnnxHead } from '../runner.ts'
import type { CallRequest } from './compute-calls.ts'
import { createComputeClient, type ComputeClient } from './compute-client.ts'
import type { ComputeHostListener } from './compute-host.ts'

interface Bench {
  readonly client: ComputeClient
  readonly listener: ComputeHostListener
  readonly posted: CallRequest[]
  readonly exit: () => void
}

/** A client of a host that records what is posted and answers what the test has it answer. */
function bench(sharesMemory = true): Bench {
  const posted: CallRequest[] = []
  const exited = Promise.withResolvers<void>()
  const listeners: ComputeHostListener[] = []
  const client = createComputeClient((listener) => {
    listeners.push(listener)
    return { sharesMemory, post: (request) => void posted.push(request), exited: exited.promise }
  })
  return { client, listener: listeners[0]!, posted, exit: exited.resolve }
}

const forward = (values = 4) => ({
  span: 1,
  session: 's',
  position: 0,
  hidden: new Float32Array(values),
})

test('each call gets the reply to its own request', async () => {
  const { client, listener, posted } = bench()
  const calls = [client.call('forward', forward()), client.call('close-session', { span: 1, session: 's' })]
  expect(posted.map(({ name }) => name)).toEqual(['forward', 'close-session'])
  listener.replied({ id: posted[1]!.id, result: null })
  const failure = { code: 'wrong-position', definite: true, message: 'not there', stack: null }
  listener.replied({ id: posted[0]!.id, failure })
  await expect(calls[0]).rejects.toMatchObject({
    code: 'wrong-position',
    definite: true,
    message: 'not there',
  })
  await expect(calls[1]).resolves.toBeNull()
})

test('when the host ends, waiting and later calls are rejected with the first reason', async () => {
  const { client, listener, exit } = bench()
  const waiting = client.call('forward', forward())
  listener.ended(new ShoalError('compute-failed', 'crashed'))
  listener.ended(new ShoalError('compute-failed', 'ended'))
  exit()
  await expect(waiting).rejects.toThrow('crashed')
  await expect(client.call('numeric-class', null)).rejects.toThrow('crashed')
  await client.stop()
  expect(client.stopped).toBe(true)
})

test('stopping waits for the answer, then for the end of the host', async () => {
  const { client, listener, posted, exit } = bench()
  const stopped = client.stop()
  expect(posted.map(({ name }) => name)).toEqual(['stop'])
  listener.replied({ id: posted[0]!.id, result: null })
  exit()
  await stopped
  expect(client.stop()).toBe(client.stop())
})

test('rows that wait are limited; calls that free something are not', async () => {
  const { client, listener } = bench()
  const waiting = Array.from({ length: limits.queuedCallsMax }, () => client.call('forward', forward()))
  await expect(client.call('forward', forward())).rejects.toMatchObject({ code: 'no-capacity' })
  const closing = client.call('close-session', { span: 1, session: 's' })
  listener.ended(new ShoalError('compute-failed', 'over'))
  const outcomes = await Promise.allSettled([...waiting, closing])
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
})

test.each([true, false])(
  'logits end up in the given memory, host shares memory: %s',
  async (sharesMemory) => {
    const { client, listener, posted } = bench(sharesMemory)
    const head = await createOnnxHead(async () => ({ client, id: 1 }), {
      hiddenSize: 2,
      vocabularySize: 3,
    })
    const into = new Float32Array(new SharedArrayBuffer(16))
    const answer = head.logits(Float32Array.of(1, 2), into)
    await settled()
    const request = posted[0] as CallRequest<'logits'>
    const { into: shared } = request.arguments
    expect(shared).toBe(sharesMemory ? into : null)
    shared?.set([7, 8, 9])
    const logits = sharesMemory ? null : Float32Array.of(7, 8, 9)
    listener.replied({ id: request.id, result: { logits } })
    const found = await answer
    expect(found.buffer).toBe(into.buffer)
    expect([...found]).toEqual([7, 8, 9])
  },
)
