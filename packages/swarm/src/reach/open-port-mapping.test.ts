import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { createScope } from '../scope.ts'
import { openPortMapping, portMappingIn } from './open-port-mapping.ts'

test.each([
  ['a private swarm', {}, true, true],
  ['an open swarm, which strangers could then reach', {}, false, false],
  ['an open swarm whose user wants it', { portMapping: true }, false, true],
  ['a private swarm whose user does not want it', { portMapping: false }, true, false],
  ['a node whose address is told by its user', { announce: ['/ip4/5.5.5.5/tcp/1'] }, true, false],
  ['links with a shape', { dialInstead: {} }, true, false],
])('a port of the router in %s', async (_what, options, isPrivate, isAsked) => {
  const dependencies = { clock: createVirtualClock(), random: seededRandom(1), logger: silentLogger }
  const scope = createScope()
  const mapping = openPortMapping(dependencies, options, isPrivate, scope)
  expect(mapping !== null).toBe(isAsked)
  expect('portMapping' in portMappingIn(mapping)).toBe(isAsked)
})
