/** Lets every promise that can settle without the event loop do so. @param turns microtask turns to wait */
export async function settled(turns = 300): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
}
