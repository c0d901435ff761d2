import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { PeerStatus, SwarmStatus } from '@shoal/swarm'
import { createRawPeer } from '@shoal/sim/siege'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from '../harness.ts'

/*
 * Real nodes on a full disk and at the limit of open files. A small file system needs the right to mount one, which a
 * container often has and a user has not.
 */

const timeout = 180_000
const linux = process.platform === 'linux'
const run = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

describe.skipIf(!linux)('a node without room or open files (prlimit, tmpfs: Linux)', { timeout }, () => {
  const world = createWorld()
  const disk = world.folder('disk')
  let origin: Up
  let other: Up
  let mounted = false

  beforeAll(async () => {
    mkdirSync(disk, { recursive: true })
    mounted = run('mount', '-t', 'tmpfs', '-o', 'size=12m', 'shoal-test', disk)
    const options = ['--threads', '1', '--memory', '64MiB', '--api', '127.0.0.1:0']
    origin = await world.up([
      ...options,
      '--model',
      'demo',
      '--blocks',
      '0:6',
      '--data',
      world.folder('origin'),
    ])
    // What the node needs before it loads blocks still fits.
    if (mounted) writeFileSync(join(disk, 'filler'), new Uint8Array(11.5 * 2 ** 20))
    const data = mounted ? join(disk, 'data') : world.folder('other')
    other = await world.up([...options, '--join', origin.address, '--spare-disk', '0', '--data', data])
  }, timeout)
  afterAll(async () => {
    await world.close()
    if (mounted) run('umount', '-l', disk)
  })

  /** The record of the other node, as its neighbour shows it, once it fits. */
  const seen = async (fits: (peer: PeerStatus) => boolean): Promise<PeerStatus> => {
    for (;;) {
      const status = (await (await fetch(`${origin.ready.api}/swarm`)).json()) as SwarmStatus
      const peer = status.peers.find((one) => one.peer === other.ready.peerId)
      if (peer !== undefined && fits(peer)) return peer
      await sleep(systemClock, 250)
    }
  }

  it('a full disk is told to the swarm, and the node serves once there is room', async (context) => {
    if (!mounted) context.skip('no file system can be mounted here')
    const withdrawn = await seen(({ problem }) => problem !== undefined)
    expect(withdrawn.problem).toMatch(/^blocks \d to \d cannot be loaded: .*(ENOSPC|no space|full|room)/i)
    expect(withdrawn.blocks).toBeNull()
    expect(other.process.exitCode).toBeNull()
    rmSync(join(disk, 'filler'))
    expect(await seen(({ blocks, problem }) => blocks !== null && problem === undefined)).toMatchObject({
      liveness: 'alive',
      state: 'serving',
    })
  })

  it('the limit of open files is told to the swarm, and the node takes newcomers again once it has some', async () => {
    const pid = String(other.process.pid)
    const open = readdirSync(`/proc/${pid}/fd`).length
    expect(run('prlimit', '--pid', pid, `--nofile=${open}:`)).toBe(true)
    expect((await seen(({ problem }) => problem !== undefined)).problem).toMatch(/^too many files/)
    const newcomer = await createRawPeer({ listen: [] })
    const dial = (): Promise<string> =>
      newcomer.transport.dial(other.address, { signal: new AbortController().signal })
    await expect(dial()).rejects.toThrow()
    expect(run('prlimit', '--pid', pid, '--nofile=1024:')).toBe(true)
    expect((await seen(({ problem }) => problem === undefined)).liveness).toBe('alive')
    expect(await dial()).toBe(other.ready.peerId)
    await newcomer.close()
    expect(other.process.exitCode).toBeNull()
  })
})
