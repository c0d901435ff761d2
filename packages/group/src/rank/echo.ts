import { freeMemory, ShoalError } from '@shoal/host'
import type { GroupMessage } from '@shoal/protocol'
import { groupLimits } from '../limits.ts'
import type { RankLink } from '../rank-link.ts'

/** Sends echoes back over their channel, so that a future leader can measure what messages to this node cost. */
export function createEcho(link: RankLink): (message: GroupMessage, values: Float32Array) => void {
  let answered = 0
  return (message, values) => {
    if (message.type !== 'group-echo') throw new ShoalError('bad-frame', `'${message.type}' among echoes`)
    if (answered >= groupLimits.echoesMax)
      throw new ShoalError('limit-exceeded', `${answered} echoes came over this channel already`)
    answered += 1
    link.send(message, values)
    freeMemory(values.buffer)
  }
}
