import { expect, test } from 'vitest'
import { renameWhenFree } from './rename-when-free.ts'

const refused = (code: string): Error => Object.assign(new Error(code), { code })

/** A rename that fails with these codes, one after the other, and then succeeds. */
function failing(...codes: string[]) {
  const moved: string[] = []
  return {
    moved,
    rename: async (from: string, to: string) => {
      const code = codes.shift()
      if (code !== undefined) throw refused(code)
      moved.push(`${from} to ${to}`)
    },
  }
}

test('on Windows a file that another program has open is renamed once it is free', async () => {
  const { moved, rename } = failing('EBUSY', 'EPERM', 'EACCES')
  await renameWhenFree('a', 'b', 'win32', rename)
  expect(moved).toEqual(['a to b'])
})

test('a missing file is reported at once on Windows, too', async () => {
  const { moved, rename } = failing('ENOENT')
  await expect(renameWhenFree('a', 'b', 'win32', rename)).rejects.toThrow('ENOENT')
  expect(moved).toEqual([])
})

test('elsewhere a refused rename is reported at once', async () => {
  const { moved, rename } = failing('EPERM')
  await expect(renameWhenFree('a', 'b', 'linux', rename)).rejects.toThrow('EPERM')
  expect(moved).toEqual([])
})
