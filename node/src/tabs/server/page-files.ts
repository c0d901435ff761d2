import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { wasmFiles } from '@shoal/runtime'

/**
 * The files of the page on which a tab lends itself. A package has its scripts bundled, with the module of onnxruntime beside
 * them; in a checkout the scripts are bundled when a browser first asks, and the module lies where npm has put it.
 */
const folder = new URL('../page/', import.meta.url)

const scripts = ['page.js', 'worker.js']

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  wasm: 'application/wasm',
}

/**
 * Only scripts of this server run, in the page and in its worker, which may compile WebAssembly. The page talks with this
 * server and with nobody else.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Browsers share memory between the threads of a page only where no page of another origin can be in its process. They heed
 * this on HTTPS and on localhost.
 */
const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
}

/** Null for a name that is no file of the page. */
export async function lendFile(name: string): Promise<Response | null> {
  const kind = /^[a-z-]+\.(html|css|js|mjs|wasm)$/.exec(name)?.[1]
  if (kind === undefined) return null
  const body = await contentOf(name)
  if (body === null) return null
  return new Response(body, {
    headers: {
      'content-type': types[kind] ?? 'text/plain',
      // The module is that of one version of this program, and has 14 MB.
      'cache-control': kind === 'wasm' ? 'private, max-age=86400' : 'no-cache',
      'referrer-policy': 'no-referrer',
      'content-security-policy': policy,
      ...isolation,
    },
  })
}

async function contentOf(name: string): Promise<string | Uint8Array<ArrayBuffer> | null> {
  const own = new URL(name, folder)
  if (existsSync(own)) return new Uint8Array(readFileSync(own))
  if (name === 'onnxruntime.mjs') return new Uint8Array(readFileSync(wasmFiles().script))
  if (name === 'onnxruntime.wasm') return new Uint8Array(readFileSync(wasmFiles().binary))
  return scripts.includes(name) ? ((await bundled()).get(name) ?? null) : null
}

let bundling: Promise<ReadonlyMap<string, string>> | null = null

/** The scripts of a checkout, by name, bundled once. */
function bundled(): Promise<ReadonlyMap<string, string>> {
  bundling ??= bundle().catch((error: unknown) => {
    bundling = null
    throw error
  })
  return bundling
}

async function bundle(): Promise<ReadonlyMap<string, string>> {
  const { rolldown } = await import('rolldown')
  const entries = await Promise.all(
    scripts.map(async (name) => {
      const bundle = await rolldown({
        input: fileURLToPath(new URL(name.replace(/js$/, 'ts'), folder)),
        platform: 'browser',
      })
      const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
      await bundle.close()
      return [name, output[0].code] as const
    }),
  )
  return new Map(entries)
}
