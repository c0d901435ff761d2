import { ShoalError } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { createScope, inScope } from './scope.ts'

describe('a scope', () => {
  test('closes in reverse order, once', async () => {
    const closed: string[] = []
    const scope = createScope()
    for (const name of ['a', 'b', 'c']) scope.onClose(async () => void closed.push(name))
    await Promise.all([scope.close(), scope.close()])
    await scope.close()
    expect(closed).toEqual(['c', 'b', 'a'])
  })

  test('closes everything although one release fails, and reports every failure', async () => {
    const closed: string[] = []
    const scope = createScope()
    scope.onClose(() => void closed.push('first'))
    scope.onClose(() => Promise.reject(new Error('asynchronous')))
    scope.onClose(() => {
      throw new Error('synchronous')
    })
    await expect(scope.close()).rejects.toThrow('closing failed: synchronous; asynchronous')
    expect(closed).toEqual(['first'])
  })

  test('also runs a release that is added while it closes, and refuses one that is added afterwards', async () => {
    const closed: string[] = []
    const scope = createScope()
    scope.onClose(() => scope.onClose(() => void closed.push('late')))
    await scope.close()
    expect(closed).toEqual(['late'])
    expect(() => scope.onClose(() => undefined)).toThrow('this scope is closed')
  })

  test('leaves nothing open when opening fails half-way, and reports the first error', async () => {
    const closed: string[] = []
    const opening = inScope(async (scope) => {
      scope.onClose(() => void closed.push('a'))
      scope.onClose(() => Promise.reject(new Error('and this too')))
      await Promise.resolve()
      throw new ShoalError('no-capacity', 'too large')
    })
    await expect(opening).rejects.toMatchObject({ code: 'no-capacity' })
    expect(closed).toEqual(['a'])
  })
})
