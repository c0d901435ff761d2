import { harmonyMarks } from './format.ts'
import { createMarkFinder } from './mark-finder.ts'
import { mergeParts, type OutputParser, type OutputPart } from './parts.ts'

/**
 * OpenAI's harmony format: messages with a header that names their channel. `analysis` is thought, `commentary` to a
 * function is a call, and everything else is content. The prompt ends inside the first header.
 * @param begun the prompt ends inside of a content
 */
export function createHarmonyParser(begun: boolean): OutputParser {
  const finder = createMarkFinder(harmonyMarks)
  let header: string | null = begun ? null : ''
  let raw = ''
  let type: 'content' | 'reasoning' | 'arguments' = 'content'

  const text = (piece: string): OutputPart[] => {
    if (header === null) return [{ type, text: piece }]
    header += piece
    raw += piece
    return []
  }
  const beginMessage = (): OutputPart[] => {
    const words = header ?? ''
    header = null
    raw = ''
    const callee = /to=functions\.([\w.-]+)/.exec(words)?.[1]
    type =
      callee !== undefined ? 'arguments' : /<\|channel\|>\s*analysis/.test(words) ? 'reasoning' : 'content'
    return callee === undefined ? [] : [{ type: 'call', name: callee }]
  }
  const onMark = (mark: string): OutputPart[] => {
    if (mark === '<|message|>') return header === null ? [] : beginMessage()
    if (mark === '<|start|>' || header === null) header = ''
    if (mark === '<|channel|>' || mark === '<|constrain|>') header += mark
    return []
  }
  return {
    push: (piece) =>
      mergeParts(
        Array.from(piece).flatMap((character) => {
          const found = finder.push(character)
          return [...text(found.text), ...(found.mark === null ? [] : onMark(found.mark))]
        }),
      ),
    end() {
      const rest = text(finder.flush())
      // An output without any marks is all content.
      const plain = header !== null && !header.includes('<|channel|>') ? raw : ''
      return mergeParts([...rest, { type: 'content', text: plain }])
    },
  }
}
