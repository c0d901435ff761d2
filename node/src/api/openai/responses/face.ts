import { eventStreamType, type Face } from '../../completions/face.ts'
import type { WholeAnswer } from '../../completions/run.ts'
import type { Generation } from '../../completions/generation.ts'
import { begun, callItem, ended, messageItem, reasoningItem } from './items.ts'
import type { ResponseRequest } from './request.ts'
import { responseStream } from './stream.ts'

/** OpenAI's responses, without a memory of earlier ones. */
export function responseFace(request: ResponseRequest): Face {
  return {
    streamType: eventStreamType,
    whole: (generation, [answer]) => {
      const response = begun(generation, request)
      if (answer === undefined) return response
      return ended(response, itemsOf(generation, answer), answer.finish, answer.result)
    },
    stream: (generation) => responseStream(generation, begun(generation, request)),
  }
}

function itemsOf(
  { id }: Generation,
  { reasoning, content, calls, finish }: WholeAnswer,
): ReturnType<typeof messageItem>[] {
  const status = finish === 'length' ? 'incomplete' : 'completed'
  return [
    ...(reasoning === '' ? [] : [reasoningItem(`rs_${id}`, reasoning, status)]),
    ...(content === '' ? [] : [messageItem(`msg_${id}`, content, status)]),
    ...calls.map((call) => callItem(call, status)),
  ]
}
