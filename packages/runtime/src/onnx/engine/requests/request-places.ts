import type { CallArguments, CallName, SpanId } from '../../host/compute-calls.ts'
import type { LoadedSpans } from '../loaded-spans.ts'
import type { RequestPlace } from './request-order.ts'

/** A call and its arguments. */
export type NamedCall = {
  readonly [Name in CallName]: { readonly name: Name; readonly arguments: CallArguments<Name> }
}[CallName]

/** Names the sessions of a span over the same blocks, whose rows may be computed in one call. */
export function groupOf(spans: LoadedSpans, span: SpanId, session: string): string {
  return `${span} ${spans.partOf(span, session)}`
}

/**
 * How a request may move past others. The requests of a session keep their order. Those of a rank all do, because each rank of a
 * group must make the same calls in the same order.
 */
export function placeOf(spans: LoadedSpans, request: NamedCall): RequestPlace {
  switch (request.name) {
    case 'logits': {
      const group = `head ${request.arguments.span}`
      return { kind: 'rows', lane: null, group, together: true }
    }
    case 'forward': {
      const { span, session } = request.arguments
      const together = spans.sharesCalls(span)
      if (!together) return { kind: 'rows', lane: `${span}`, group: `${span}`, together }
      return {
        kind: 'rows',
        lane: `${span}/${session}`,
        group: groupOf(spans, span, session),
        together,
      }
    }
    case 'open-session':
    case 'truncate-session':
    case 'close-session':
    case 'export-session':
    case 'import-session': {
      const { span, session } = request.arguments
      return { kind: 'session', lane: spans.sharesCalls(span) ? `${span}/${session}` : `${span}` }
    }
    case 'numeric-class':
    case 'load-blocks':
    case 'load-rank':
    case 'release-blocks':
    case 'load-head':
    case 'release-head':
    case 'stop':
      return { kind: 'barrier' }
  }
}
