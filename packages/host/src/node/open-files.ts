import { open } from 'node:fs/promises'
import { devNull } from 'node:os'

/** Whether this process may open one more file; false at the limit of the process (EMFILE) or of the machine (ENFILE). */
export async function canOpenFiles(): Promise<boolean> {
  try {
    const file = await open(devNull)
    await file.close()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE'))
      return false
    throw error
  }
}
