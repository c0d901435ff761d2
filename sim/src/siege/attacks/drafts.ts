import type { Step } from '@shoal/protocol'
import type { Attack, Besieger } from '../attack.ts'
import { converse, openOf, stepOf } from './sessions.ts'

const windowRows = 4
/** Long after a stage has answered what it answers at all. */
const patienceMs = 2000

interface Lie {
  readonly name: string
  /** What is sent behind a right first window of four rows. */
  readonly step: Partial<Step>
  /** Rows that the payload has, whatever the step says. */
  readonly rows: number
}

/** Windows that a stage must not answer with rows. */
const lies: readonly Lie[] = [
  { name: 'more rows than it brings', step: { position: 4, rows: 16, step: 1 }, rows: windowRows },
  { name: 'fewer rows than it brings', step: { position: 4, rows: 1, step: 1 }, rows: windowRows },
  { name: 'an epoch to come', step: { position: 4, rows: 4, step: 1, epoch: 9 }, rows: 4 },
  { name: 'a position ahead', step: { position: 40, rows: 4, step: 1 }, rows: 4 },
  { name: 'a rewind to a position ahead', step: { position: 40, rows: 4, step: 1, rewind: true }, rows: 4 },
  { name: 'more positions than it has', step: { position: 4, rows: 512, step: 1 }, rows: 512 },
  { name: 'positions without a rewind', step: { position: 0, rows: 4, step: 1 }, rows: 4 },
]

async function lie(besieger: Besieger, { name, step, rows }: Lie): Promise<void> {
  const peer = await besieger.stranger()
  const talk = await converse(besieger, peer)
  const open = openOf(besieger.target, peer, { tokenBudget: 64 })
  const { hiddenSize } = besieger.target
  const content = (count: number): Float32Array => new Float32Array(count * hiddenSize).fill(0.01)
  try {
    if (!(await talk.begin(open))) return
    await talk.send(stepOf(open, { rows: windowRows, want: 'all' }), content(windowRows))
    if ((await talk.next()).type !== 'result') return
    await talk.send(stepOf(open, { want: 'all', ...step }), content(rows))
    const answer = await Promise.race([talk.next(), besieger.pause(patienceMs)])
    if (besieger.over) return
    besieger.count(answer?.type === 'result' ? `computed: ${name}` : 'lies refused')
  } finally {
    await besieger.dismiss(peer)
  }
}

/** Eight windows under way, and a rewind to the first of them, again and again. */
async function rewinds(besieger: Besieger): Promise<void> {
  const peer = await besieger.stranger()
  const talk = await converse(besieger, peer)
  const open = openOf(besieger.target, peer, { tokenBudget: 64 })
  const rows = new Float32Array(windowRows * besieger.target.hiddenSize).fill(0.01)
  if (!(await talk.begin(open))) return
  for (let step = 0; step < 800 && !besieger.over; step += 1) {
    const window = step % 8
    const sent = talk.send(
      stepOf(open, {
        step,
        position: window * windowRows,
        rows: windowRows,
        rewind: window === 0,
        want: 'all',
      }),
      rows,
    )
    besieger.count('windows')
    // What a rewind discards is never answered, so answers are not waited for.
    if (window === 7) await Promise.all([sent, besieger.pause(20)])
    else sent.catch(() => undefined)
  }
  await besieger.dismiss(peer)
}

export const draftAttacks: readonly Attack[] = [
  {
    name: 'draft-windows',
    about: 'sends windows of drafts that lie about rows, epochs and positions, and rewinds without end',
    async run(besieger) {
      await Promise.all([
        besieger.repeat(() => rewinds(besieger)),
        besieger.repeat(async () => {
          for (const one of lies) await lie(besieger, one)
        }),
      ])
    },
  },
]
