import { decodeRows, encodeRows, type WireFormat } from '@shoal/protocol'
import { decorateDevice, decorateRunner } from '@shoal/runtime'
import type { LocalEngineOptions } from '@shoal/swarm/node'

/** Two stages in this process, between which and around which hidden states are rounded as a route with `--wire` does. */
export function hopsOf(wire: WireFormat, cut: number): Pick<LocalEngineOptions, 'cuts' | 'wrap'> {
  return {
    cuts: cut > 0 ? [cut] : [],
    wrap: (device) =>
      decorateDevice(device, {
        async loadBlocks(range, options) {
          const runner = await device.loadBlocks(range, options)
          const { hiddenSize } = runner
          const travelled = (rows: Float32Array): Float32Array =>
            decodeRows(wire, encodeRows(wire, rows, hiddenSize), rows.length / hiddenSize, hiddenSize)
          return decorateRunner(runner, {
            async forward(session, position, hidden) {
              const rows = range.start === 0 ? travelled(hidden) : hidden
              return travelled(await runner.forward(session, position, rows))
            },
          })
        },
      }),
  }
}
