import { unitOf } from '@shoal/model'
import { createKeyValueCache } from '../onnx/computers/key-value-cache.ts'
import type { ComputeSession } from '../onnx/computers/compute-session.ts'
import { loadSession } from '../onnx/computers/inference-session.ts'
import { createSpanComputer } from '../onnx/computers/span-computer.ts'
import { openEmbeddingFile } from '../onnx/embedding-file.ts'
import { inputSumsName } from '../onnx/graph/input-sums.ts'
import { spanGraph } from '../onnx/graph/span-graph.ts'
import type { NativeGate } from '../onnx/native-gate.ts'
import { packedSource } from '../onnx/tensors/packed-source.ts'
import { spanOf } from '../span.ts'
import type { CollectedSums, CollectOptions } from './collect-input-sums.ts'

const groupValues = 128 * 128

/** See `collectInputSums`. One block is in memory at a time, and the hidden states of all texts. */
export async function sumsOfTexts(
  { manifest, folder, threads, texts }: Omit<CollectOptions, 'signal'>,
  gate: NativeGate,
): Promise<CollectedSums> {
  const { config, profile } = manifest
  const embedding = await openEmbeddingFile(manifest, folder)
  let hidden: Float32Array[] = []
  for (const ids of texts) hidden.push(await embedding.table.lookup(ids))
  await embedding.close()
  const sums = new Map<string, Float64Array[]>()
  for (let block = 0; block < config.blockCount; block += 1) {
    const span = spanOf(config, { start: block, end: block + 1 }, profile.kv)
    const graph = spanGraph({
      span,
      profile,
      head: null,
      weights: packedSource(manifest),
      withInputSums: true,
    })
    const session = loadSession(graph, { folder, threads, gate })
    const computer = createSpanComputer(
      summing(session, matricesOf(manifest.tensors, block), sums),
      span,
      'none',
    )
    hidden = hidden.map((rows) =>
      computer.forward(createKeyValueCache(span, rows.length / config.hiddenSize), rows),
    )
    session.release()
  }
  return sums
}

/** Names of a block's matrices, without `.weight`. */
function matricesOf(tensors: CollectOptions['manifest']['tensors'], block: number): string[] {
  const ending = '.weight'
  return tensors
    .filter(({ name }) => unitOf(name) === `block-${block}` && name.endsWith(ending))
    .map(({ name }) => name.slice(0, -ending.length))
}

/** The session, with what its calls say of their inputs added to `sums`. */
function summing(
  session: ComputeSession,
  matrices: readonly string[],
  sums: Map<string, Float64Array[]>,
): ComputeSession {
  return {
    ...session,
    run(feeds, outputs) {
      const results = session.run(feeds, [...outputs, ...matrices.map(inputSumsName)])
      for (const name of matrices) {
        const found = results[inputSumsName(name)] ?? new Float32Array()
        const groups = sums.get(name) ?? createGroups(found.length / groupValues)
        sums.set(name, groups)
        for (const [group, sum] of groups.entries())
          for (let at = 0; at < groupValues; at += 1)
            sum[at] = (sum[at] as number) + (found[group * groupValues + at] as number)
      }
      return results
    },
  }
}

function createGroups(count: number): Float64Array[] {
  return Array.from({ length: count }, () => new Float64Array(groupValues))
}
