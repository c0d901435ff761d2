import { mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown, type Plugin } from 'rolldown'

/**
 * Bundles the `shoal` program, so that the tests of processes start it in half the processor time: a start from the
 * sources resolves and reads some two thousand modules. Threads and child processes of a node still start from the
 * sources, and so does `npm start`.
 * @param root folder of the repository
 * @returns the folder of the bundle, which the caller removes, and the path of the program in it
 */
export async function bundleProgram(root: string): Promise<{ folder: string; program: string }> {
  // Below node_modules, where the import of the native runtime, which stays outside of the bundle, is found.
  const folder = mkdtempSync(join(root, 'node_modules', '.shoal-test-'))
  const bundle = await rolldown({
    input: join(root, 'node', 'src', 'main.ts'),
    platform: 'node',
    external: [/^onnxruntime-/, 'rolldown'],
    plugins: [addressesOfSources(root)],
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: 'shoal.js' })
  await bundle.close()
  return { folder, program: join(folder, 'shoal.js') }
}

/** Files are found relative to the module that names them, which is one of the sources and not the bundle. */
function addressesOfSources(root: string): Plugin {
  return {
    name: 'addresses-of-sources',
    transform(code, id) {
      if (!id.startsWith(root) || !code.includes('import.meta.')) return null
      return code
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(id)))
    },
  }
}
