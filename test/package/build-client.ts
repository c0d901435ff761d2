import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { licences } from './build.ts'
import { writeTypes } from './types.ts'

const aiForm = '@ai-sdk/openai-compatible'

/**
 * Builds the folder of `@shoal/client`: the client for pages as one file, and the SDK under the name that the documents
 * use. The SDK itself is in the package `shoal`, which a program for Node installs beside this one.
 */
export async function buildClient(root: string, folder: string): Promise<void> {
  const dist = join(folder, 'dist')
  mkdirSync(dist, { recursive: true })
  const bundle = await rolldown({
    input: {
      web: join(root, 'client', 'src', 'web', 'index.ts'),
      ai: join(root, 'client', 'src', 'ai', 'index.ts'),
    },
    // Of the program that uses the AI SDK.
    external: [aiForm],
    platform: 'browser',
  })
  const { output } = await bundle.write({ dir: dist, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), licences(modules))
  for (const file of ['index.js', 'index.d.ts']) writeFileSync(join(dist, file), "export * from 'shoal'\n")
  const types = writeTypes(root, join(dist, 'types'), 'client/src/web/index.ts')
  const aiTypes = writeTypes(root, join(dist, 'ai-types'), 'client/src/ai/index.ts')
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  cpSync(join(root, 'client', 'README.md'), join(folder, 'README.md'))
  const { name, version, description, license, type, engines, dependencies } = JSON.parse(
    readFileSync(join(root, 'client', 'package.json'), 'utf8'),
  ) as Record<string, string> & { readonly dependencies: Record<string, string> }
  const manifest = {
    name,
    version,
    description,
    license,
    type,
    engines,
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './web': { types: `./dist/types/${types}`, default: './dist/web.js' },
      './ai': { types: `./dist/ai-types/${aiTypes}`, default: './dist/ai.js' },
      // For pages without a bundler, which copy the file.
      './dist/web.js': './dist/web.js',
    },
    files: ['dist', 'THIRD-PARTY-LICENSES.txt'],
    peerDependencies: { shoal: version, [aiForm]: dependencies[aiForm] },
    peerDependenciesMeta: { shoal: { optional: true }, [aiForm]: { optional: true } },
  }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
