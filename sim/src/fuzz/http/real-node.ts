import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCrew } from '../../processes/crew.ts'
import { untilServing } from '../../processes/answers.ts'

/** Runs a real node with all blocks of the demo model. @param use gets the base of its API */
export async function withRealNode<Result>(use: (api: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-fuzz-'))
  const [node] = await createCrew({ folder, members: 1, bootstrap: 0, owner: 0, memory: '64MiB' })
  try {
    node!.start()
    await untilServing([node!])
    const ready = node!.ready()
    if (ready === null || ready.api === null) throw new Error('the node has no API')
    return await use(new URL(ready.api).origin)
  } finally {
    await node!.kill()
    await rm(folder, { recursive: true, force: true })
  }
}
