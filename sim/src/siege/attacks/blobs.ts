import { encodeBlob, protocols, type BlobRequest } from '@shoal/protocol'
import type { Attack, Besieger } from '../attack.ts'

async function requests(
  besieger: Besieger,
  channels: number,
  take: boolean,
  ask: (request: number) => Omit<BlobRequest, 'type' | 'request'>,
): Promise<void> {
  const peer = await besieger.stranger()
  const flood = (): Promise<void> =>
    besieger.repeat(async () => {
      const channel = await peer.open(besieger.target.address, protocols.blobs)
      // An answer that is not consumed stays at the target, or in the socket.
      channel.onFrame(() => (take ? undefined : new Promise(() => undefined)))
      for (let request = 0; !besieger.over && !channel.closed; request += 1) {
        const sent = channel.send(...encodeBlob({ type: 'get', request, ...ask(request) }))
        besieger.count('requests')
        if (take || request % 100 === 99) await sent
        else sent.catch(() => undefined)
      }
      await besieger.pause(50)
    })
  await Promise.all(Array.from({ length: channels }, flood))
}

export const blobAttacks: readonly Attack[] = [
  {
    name: 'unread-weights',
    about: 'fills 64 channels with requests for the manifest and takes no answer',
    run: (besieger) =>
      requests(besieger, 64, false, () => ({ blob: 'manifest', offset: 0, length: 1024 * 1024 })),
  },
  {
    name: 'single-bytes',
    about: 'asks for single bytes of the files beside the weights, on 16 channels',
    run: (besieger) =>
      requests(besieger, 16, true, (request) => ({
        blob: besieger.target.assets[request % besieger.target.assets.length] ?? 'manifest',
        offset: request % 100,
        length: 1,
      })),
  },
]
