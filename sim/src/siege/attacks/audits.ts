import { encodeEvidenceFrame, protocols, sealReceipt, type Evidence, type Receipt } from '@shoal/protocol'
import type { Attack, Besieger } from '../attack.ts'
import type { RawPeer } from '../raw-peer.ts'

/** What a peer could have signed about rows at the target's blocks. */
function receiptOf({ target }: Besieger, peer: string, out: number): Receipt {
  return {
    manifest: target.manifest,
    numericClass: 'made-up',
    peer,
    incarnation: 1,
    session: 'made-up',
    epoch: 0,
    start: target.start,
    end: target.end,
    position: 8,
    rows: 8,
    in: new Uint8Array(32),
    out: new Uint8Array(32).fill(out),
  }
}

/** Evidence whose receipts are signed by these keys, whatever names stand in them. */
async function evidence(
  besieger: Besieger,
  kind: Evidence['kind'],
  signers: readonly (readonly [name: string, key: RawPeer])[],
): Promise<Evidence> {
  const receipts = signers.map(([name, key], index) =>
    sealReceipt(receiptOf(besieger, name, index === 0 ? 1 : 2), (bytes) => key.transport.sign(bytes)),
  )
  return { kind, receipts: await Promise.all(receipts) }
}

/** Accuses the target with signatures of other keys, convicts its own keys, and repeats both. */
async function falseEvidence(besieger: Besieger): Promise<void> {
  const { peerId } = besieger.target
  await besieger.repeat(async () => {
    const [peer, second, third] = await Promise.all([1, 2, 3].map(() => besieger.stranger()))
    const names = [peer!, second!, third!].map((one) => [one.transport.peerId, one] as const)
    const [first] = names
    const pieces = [
      await evidence(besieger, 'two-receipts', [
        [peerId, peer!],
        [peerId, peer!],
      ]),
      await evidence(besieger, 'wrong-output', [[peerId, peer!], ...names]),
      await evidence(besieger, 'two-receipts', [first!, first!]),
    ]
    const channel = await besieger.open(peer!, protocols.audit)
    for (let turn = 0; turn < 4 && !channel.closed; turn += 1)
      for (const piece of pieces) {
        await channel.send(...encodeEvidenceFrame(piece))
        besieger.count('pieces')
      }
    await besieger.pause(20)
    await Promise.all([peer!, second!, third!].map((one) => besieger.dismiss(one)))
  })
}

export const auditAttacks: readonly Attack[] = [
  {
    name: 'false-evidence',
    about: 'accuses the target by receipts that it has not signed, and its own keys by some that they have',
    run: falseEvidence,
  },
]
