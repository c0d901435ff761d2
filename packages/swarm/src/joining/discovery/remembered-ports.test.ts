import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { chosenPorts, readPorts, savePorts, withPorts } from './remembered-ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-ports-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const loopback = '/ip4/127.0.0.1/tcp/0'
const all = ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0']

test('the ports that the system chose are used again', () => {
  const listening = [
    '/ip4/127.0.0.1/tcp/4101/p2p/12D3KooW',
    '/ip4/192.168.1.5/tcp/4101/p2p/12D3KooW',
    '/ip6/::1/tcp/4102/p2p/12D3KooW',
  ]
  const ports = chosenPorts(all, listening)
  savePorts(folder, ports)
  expect(withPorts(all, readPorts(folder))).toEqual(['/ip4/0.0.0.0/tcp/4101', '/ip6/::/tcp/4102'])
})

test('a port that the user has chosen stays, and one of another address is not used', () => {
  expect(withPorts(['/ip4/0.0.0.0/tcp/4001', loopback], { [all[0] ?? '']: 4101 })).toEqual([
    '/ip4/0.0.0.0/tcp/4001',
    loopback,
  ])
  expect(chosenPorts(['/ip4/0.0.0.0/tcp/4001'], ['/ip4/10.0.0.1/tcp/4001'])).toEqual({})
})

test('of two addresses of one family nobody can tell whose port is whose', () => {
  const listening = ['/ip4/127.0.0.1/tcp/4101', '/ip4/10.0.0.1/tcp/4102']
  expect(chosenPorts([loopback, '/ip4/10.0.0.1/tcp/0'], listening)).toEqual({})
})

test.each(['', '[]', '{"/ip4/127.0.0.1/tcp/0":"x"}', '{"/ip4/127.0.0.1/tcp/0":70000}'])(
  'a file with %s remembers nothing',
  (text) => {
    writeFileSync(join(folder, 'ports.json'), text)
    expect(withPorts([loopback], readPorts(folder))).toEqual([loopback])
  },
)
