import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createPeerKey, signerOf } from '@shoal/network'
import { signGrant, swarmIdOf, type Invite } from '@shoal/trust'
import { expect, test } from 'vitest'
import { CharterKeeper } from './charter/charter-keeper.ts'
import { SteadySave } from './files/steady-save.ts'
import { IssuedInvites } from './issued-invites.ts'

const noSpace = (): never => {
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}

/** A disk that is full until told otherwise. */
function createDisk<State>() {
  const disk = {
    full: true,
    written: [] as State[],
    save(state: State): void {
      if (disk.full) noSpace()
      disk.written.push(state)
    },
  }
  return disk
}

test('a state that the disk does not take is told once, and written when there is room', () => {
  const disk = createDisk<number>()
  const told: string[] = []
  const logger = { ...silentLogger, warn: (event: string) => void told.push(event) }
  let state = 0
  const file = new SteadySave({ what: 'state', logger, save: () => disk.save(state) })
  for (state = 1; state < 4; state += 1) file.changed()
  expect([file.lack, told]).toEqual(['ENOSPC: no space left on device, write', ['not-kept']])
  disk.full = false
  file.retry()
  file.retry()
  expect([file.lack, disk.written]).toEqual([null, [4]])
})

test('who is put out while the disk is full is out at once, and stays out on the disk when there is room', async () => {
  const root = signerOf(await createPeerKey())
  const admin = signerOf(await createPeerKey())
  const swarm = swarmIdOf(root.key)
  const term = { from: 0, until: 365 * 24 * 3600, serial: new Uint8Array(8), issuer: root.key }
  const grant = await signGrant({ swarm, subject: admin.key, role: 'admin', ...term }, root.sign)
  const disk = createDisk<readonly Uint8Array[]>()
  const files = { acts: () => [], saveActs: (acts: readonly Uint8Array[]) => disk.save(acts) }
  const charter = new CharterKeeper({ files, logger: silentLogger, swarm, nowSeconds: () => 1000 })
  let heard = 0
  charter.onNews(() => (heard += 1))
  const { key } = signerOf(await createPeerKey())
  await charter.sign({ kind: 'revoke', key }, admin, grant)
  expect([charter.isRevoked(Buffer.from(key).toString('hex')), heard]).toEqual([true, 1])
  expect(charter.file.lack).toMatch(/ENOSPC/)
  disk.full = false
  charter.file.retry()
  expect(disk.written).toEqual([charter.acts()])
})

test('while the disk keeps no use of an invite nobody comes in by one, and wrong PINs are counted all the same', () => {
  const clock = createVirtualClock()
  const disk = createDisk<readonly Invite[]>()
  disk.full = false
  let changes = 0
  const invites = new IssuedInvites({
    files: { invites: () => [], saveInvites: (book) => disk.save(book) },
    logger: silentLogger,
    random: seededRandom(1),
    nowSeconds: () => Math.floor(clock.wallMs() / 1000),
    onChange: () => (changes += 1),
  })
  const wish = { role: 'node', uses: 1, seconds: 3600 } as const
  const [code, pin] = [invites.issue({ ...wish, pin: false }), invites.issue({ ...wish, pin: true })]
  disk.full = true
  const full = expect.objectContaining({ code: 'disk-full' }) as Error
  expect(() => invites.use(code, 'newcomer')).toThrow(full)
  expect(() => invites.issue({ ...wish, pin: false })).toThrow(full)
  for (const peer of ['a', 'b', 'c']) invites.wrongPin(pin.id, peer)
  expect(invites.state(invites.byId(pin.id)!)).not.toBe('open')
  expect(() => invites.revoke(code.id)).toThrow(full)
  // It is over here and now; the doors were told.
  expect(invites.state(invites.byId(code.id)!)).toBe('revoked')
  expect(changes).toBeGreaterThanOrEqual(7)
  disk.full = false
  invites.file.retry()
  expect(disk.written.at(-1)).toEqual(invites.list())
})
