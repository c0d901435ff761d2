import { fileURLToPath } from 'node:url'

/** Folder of the embedded demo model, in Hugging Face layout. */
export const demoModelFolder = fileURLToPath(new URL('./model', import.meta.url))
