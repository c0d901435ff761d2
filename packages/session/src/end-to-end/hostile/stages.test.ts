import { expect, test } from 'vitest'
import type { Channel } from '@shoal/network'
import { decodeSession, encodeSession, protocols, type SessionMessage } from '@shoal/protocol'
import { createStageHost } from '../../stage/stage-host.ts'
import { fakeManifestId } from '../../testing/fake-node.ts'
import { createFakeSwarm } from '../../testing/fake-swarm.ts'
import { victim } from '../../testing/hostile-peer.ts'

test('a coordinator is not fooled by stages: late, doubled, misplaced and foreign results', async () => {
  const swarm = createFakeSwarm()
  const transport = swarm.network.createTransport('liar')
  const lies: [Partial<SessionMessage>, Record<string, unknown>][] = [
    [
      { position: 1 },
      {
        code: 'bad-frame',
        message: expect.stringContaining(
          'answers step 0 at position 1 with 1 rows; expected step 0 at position 0 with 1 rows',
        ),
      },
    ],
    [{ step: 1 }, { code: 'bad-frame' }],
    [{ rows: 2 }, { code: 'bad-frame' }],
  ]
  for (const [lie, expected] of lies) {
    transport.handle(protocols.session, (channel) =>
      channel.onFrame((frame) => {
        const { message } = decodeSession(frame)
        if (message.type === 'open')
          void channel.send(
            ...encodeSession({
              type: 'opened',
              session: message.session,
              start: 0,
              epoch: 0,
              numericClass: 'x',
              incarnation: 1,
              length: 0,
              lastStep: null,
            }),
          )
        if (message.type !== 'step') return
        const { session, epoch, position, step } = message
        const result = { type: 'result', session, epoch, position, rows: 1, step, ...lie } as SessionMessage
        void channel.send(
          ...encodeSession(result, new Float32Array(8 * (result.type === 'result' ? result.rows : 1))),
        )
      }),
    )
    const session = await swarm.open({
      range: { start: 0, end: 6 },
      route: [
        {
          peer: 'liar',
          addresses: transport.addresses(),
          range: { start: 0, end: 6 },
          incarnation: 1,
          predictedStepMs: () => 1,
        },
      ],
    })
    await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({
      peer: 'liar',
      ...expected,
    })
  }
})

test('results and openings from another stage than the one they are of count for nothing', async () => {
  const swarm = createFakeSwarm()
  const first = swarm.nodes[0]!
  // The first stage answers every step itself, with its own rows, as if it were the last.
  const forward = first.runner.forward.bind(first.runner)
  let coordinatorChannel: Channel | undefined
  const handle = first.transport.handle.bind(first.transport)
  first.transport.handle = (protocol, onChannel) =>
    handle(protocol, (channel) => {
      coordinatorChannel = channel
      onChannel(channel)
    })
  const impostor = createStageHost(
    { transport: first.transport, clock: swarm.clock, logger: swarm.logger },
    { manifestId: fakeManifestId, profile: 'f32', numericClass: 'fake', incarnation: 1 },
  )
  await impostor.setRunners([first.runner])
  first.runner.forward = async (session, position, hidden) => {
    const forged = { type: 'result', session: 'victim', epoch: 0, position, rows: 1, step: position } as const
    await coordinatorChannel?.send(...encodeSession(forged, new Float32Array(8)))
    return forward(session, position, hidden)
  }
  const session = await swarm.open(victim)
  const local = await swarm.openLocal()
  for (let step = 0; step < 3; step += 1) {
    const rows = swarm.rows(1)
    expect(await session.forward(rows, { want: 'last' })).toEqual(await local.forward(rows, { want: 'last' }))
  }
})
