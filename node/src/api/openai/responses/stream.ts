import type { Response, ResponseOutputItem, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { sseComment, sseMessage, type FaceStream } from '../../completions/face.ts'
import type { Generation } from '../../completions/generation.ts'
import type { AnswerPart } from '../../completions/run.ts'
import { callItem, ended, messageItem, reasoningItem, textPart } from './items.ts'

type Unnumbered<Event> = Event extends unknown ? Omit<Event, 'sequence_number'> : never
type Send = (event: Unnumbered<ResponseStreamEvent>) => string

/** An item of the output that is being written. */
interface OpenItem {
  readonly type: 'content' | 'reasoning' | 'call'
  readonly begin: string
  add(text: string): string
  /** @param cut the answer has reached its limit within this item */
  end(cut: boolean): { readonly text: string; readonly item: ResponseOutputItem }
}

/** Events in the documented order: the response, its items one after the other, each with its parts, its end. */
export function responseStream(generation: Generation, response: Response): FaceStream {
  let sequence = 0
  let started = false
  let open: OpenItem | null = null
  const output: ResponseOutputItem[] = []
  const send: Send = (event) => sseMessage({ ...event, sequence_number: sequence++ }, event.type)
  const start = (): string => {
    if (started) return ''
    started = true
    return send({ type: 'response.created', response }) + send({ type: 'response.in_progress', response })
  }
  const close = (cut: boolean): string => {
    const done = open?.end(cut)
    open = null
    if (done === undefined) return ''
    const at = output.push(done.item) - 1
    return done.text + send({ type: 'response.output_item.done', output_index: at, item: done.item })
  }
  const begin = (item: OpenItem): string => {
    open = item
    return item.begin
  }
  const pushPart = (part: AnswerPart): string => {
    if (part.type === 'arguments') return open?.add(part.text) ?? ''
    const ends = part.type !== open?.type || part.type === 'call' ? close(false) : ''
    const at = output.length
    if (part.type === 'call') return ends + begin(openCall(send, at, part))
    const item = open ?? openText(send, at, part.type, generation.id)
    return ends + (open === null ? begin(item) : '') + item.add(part.text)
  }
  return {
    keepAlive: () => start() + sseComment,
    failure: ({ message, code, param }) => send({ type: 'error', message, code, param }),
    push(event) {
      if (event.type === 'parts') return start() + event.parts.map(pushPart).join('')
      const text = start() + close(event.finish === 'length')
      const whole = ended(response, output, event.finish, event.result)
      const type = event.finish === 'length' ? 'response.incomplete' : 'response.completed'
      return text + send({ type, response: whole })
    },
    end: () => '',
  }
}

function openText(send: Send, at: number, type: 'content' | 'reasoning', answer: string): OpenItem {
  const content = type === 'content'
  const id = `${content ? 'msg' : 'rs'}_${answer}_${at}`
  const itemOf = content ? messageItem : reasoningItem
  const place = { item_id: id, output_index: at, content_index: 0 }
  const partOf = (text: string) => (content ? textPart(text) : ({ type: 'reasoning_text', text } as const))
  let text = ''
  return {
    type,
    begin:
      send({ type: 'response.output_item.added', output_index: at, item: itemOf(id, null, 'in_progress') }) +
      send({ type: 'response.content_part.added', ...place, part: partOf('') }),
    add(delta) {
      text += delta
      return content
        ? send({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })
        : send({ type: 'response.reasoning_text.delta', ...place, delta })
    },
    end: (cut) => ({
      text:
        (content
          ? send({ type: 'response.output_text.done', ...place, text, logprobs: [] })
          : send({ type: 'response.reasoning_text.done', ...place, text })) +
        send({ type: 'response.content_part.done', ...place, part: partOf(text) }),
      item: itemOf(id, text, cut ? 'incomplete' : 'completed'),
    }),
  }
}

function openCall(send: Send, at: number, { id, name }: Extract<AnswerPart, { type: 'call' }>): OpenItem {
  const call = { id, name, arguments: '' }
  const item = callItem(call, 'in_progress')
  const place = { item_id: item.id, output_index: at }
  return {
    type: 'call',
    begin: send({ type: 'response.output_item.added', output_index: at, item }),
    add(delta) {
      call.arguments += delta
      return send({ type: 'response.function_call_arguments.delta', ...place, delta })
    },
    end: (cut) => ({
      text: send({
        type: 'response.function_call_arguments.done',
        ...place,
        arguments: call.arguments,
      }),
      item: callItem(call, cut ? 'incomplete' : 'completed'),
    }),
  }
}
