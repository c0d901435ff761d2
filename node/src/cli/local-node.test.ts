import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publishAddresses, publishedAddresses } from './local-node.ts'

test('addresses are published while a node runs, and a damaged file counts as none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-local-'))
  try {
    expect(publishedAddresses(folder)).toEqual([])
    const end = publishAddresses(folder, ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'])
    expect(publishedAddresses(folder)).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'])
    end()
    expect(publishedAddresses(folder)).toEqual([])
    writeFileSync(join(folder, 'addresses.json'), '["/ip4')
    expect(publishedAddresses(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
