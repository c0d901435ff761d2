import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { publishAddresses, publishedAddresses, publishedSwarm, publishSwarm } from './local-node.ts'
import { knownAddresses } from './privacy.ts'

test('addresses are published while a node runs, and a damaged file counts as none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-local-'))
  try {
    expect(publishedAddresses(folder)).toEqual([])
    const end = publishAddresses({ dataFolder: folder, logger: silentLogger }, [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/127.0.0.1/tcp/2',
    ])
    expect(publishedAddresses(folder)).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'])
    end()
    expect(publishedAddresses(folder)).toEqual([])
    writeFileSync(join(folder, 'addresses.json'), '["/ip4')
    expect(publishedAddresses(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a node whose addresses cannot be written goes on, with a warning', () => {
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (event: string) => void warnings.push(event) }
  publishAddresses({ dataFolder: join(tmpdir(), 'no', 'such', 'folder'), logger }, ['/ip4/127.0.0.1/tcp/1'])
  expect(warnings).toEqual(['addresses-not-published'])
})

test('the swarm that another process asks is found while that process runs, and after the node of the folder', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'shoal-local-')), 'made', 'by', 'it')
  const context = { dataFolder: folder, logger: silentLogger }
  try {
    const withdrawFirst = publishSwarm(context, ['/ip4/127.0.0.1/tcp/1'])
    const withdraw = publishSwarm(context, ['/ip4/127.0.0.1/tcp/2'])
    withdrawFirst()
    expect(knownAddresses(folder)).toEqual(['/ip4/127.0.0.1/tcp/2'])
    const end = publishAddresses(context, ['/ip4/127.0.0.1/tcp/3'])
    expect(knownAddresses(folder)).toEqual(['/ip4/127.0.0.1/tcp/3'])
    end()
    withdraw()
    expect(knownAddresses(folder)).toEqual([])
    // Pids end at 4,194,304 on Linux, and below that elsewhere.
    const killed = JSON.stringify({ pid: 99_999_999, addresses: ['/ip4/127.0.0.1/tcp/4'] })
    for (const text of [killed, 'null', '{"pid":1}', '{']) {
      writeFileSync(join(folder, 'swarm-here.json'), text)
      expect(publishedSwarm(folder)).toEqual([])
    }
  } finally {
    rmSync(join(folder, '..', '..', '..'), { recursive: true })
  }
})
