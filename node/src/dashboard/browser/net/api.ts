/** An answer of the API that is an error: its sentence, and what tells it from others. */
export class RefusedRequest extends Error {
  readonly status: number
  readonly code: string | null

  constructor(status: number, message: string, code: string | null) {
    super(message)
    this.name = 'RefusedRequest'
    this.status = status
    this.code = code
  }
}

const keyName = 'shoal.api-key'

/** The key is kept until the tab is closed: other programs of this browser profile do not find it later. */
export const apiKey = {
  get: (): string | null => sessionStorage.getItem(keyName),
  set: (key: string): void => sessionStorage.setItem(keyName, key),
} as const

/**
 * Asks the API of the server that the page came from.
 * @throws {RefusedRequest} for every status beyond 2xx
 */
export async function askApi(path: string, init: RequestInit = {}): Promise<Response> {
  const key = apiKey.get()
  const headers = new Headers(init.headers)
  if (key !== null) headers.set('authorization', `Bearer ${key}`)
  const response = await fetch(path, { ...init, headers, cache: 'no-store' })
  if (response.ok) return response
  const body = (await response.json().catch(() => null)) as {
    error?: { message?: unknown; code?: unknown }
  } | null
  const { message, code } = body?.error ?? {}
  throw new RefusedRequest(
    response.status,
    typeof message === 'string' ? message : `the node answers ${response.status}`,
    typeof code === 'string' ? code : null,
  )
}

/** Hands the text of a body on as it comes. The connection is closed when `onText` throws. */
export async function readText(
  body: ReadableStream<Uint8Array>,
  onText: (text: string) => void,
): Promise<void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read())
      onText(decoder.decode(read.value, { stream: true }))
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
