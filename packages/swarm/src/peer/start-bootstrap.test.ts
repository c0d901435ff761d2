import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createPeerKey } from '@shoal/network'
import { expect, test } from 'vitest'
import { openConnection } from '../joining/discovery/connection.ts'
import { startBootstrap } from './start-bootstrap.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
const listen = ['/ip4/127.0.0.1/tcp/0']

/** Ports of this process that others can connect to. */
const listeners = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length

test('a bootstrap peer listens at its announced port only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bootstrap-'))
  try {
    const before = listeners()
    const bootstrap = await startBootstrap(dependencies, {
      listen,
      lan: false,
      bootstrap: [],
      dataFolder: folder,
    })
    const withBootstrap = listeners()
    // A node, which may have sessions, also listens for direct channels.
    const { transport } = await openConnection(
      dependencies,
      { listen, lan: false, serveDirectory: true },
      { privateKey: await createPeerKey(), admission: null },
    )
    const withNode = listeners()
    expect([bootstrap.addresses().length, withBootstrap - before, withNode - withBootstrap]).toEqual([
      1, 1, 2,
    ])
    await transport.close()
    await bootstrap.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
