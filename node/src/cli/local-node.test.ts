import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { publishAddresses, publishedAddresses } from './local-node.ts'

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
