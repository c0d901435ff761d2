const partPattern = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i

/** The names of all parts of a split model, given one of them; of a whole model, its own name. */
export function partNames(fileName: string): string[] {
  const [, beginning, , count] = partPattern.exec(fileName) ?? []
  if (beginning === undefined || count === undefined) return [fileName]
  return Array.from(
    { length: Number(count) },
    (_, index) => `${beginning}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`,
  )
}

/** The model's name: the file's without its folder, its ending and its part. */
export function wholeName(path: string): string {
  const fileName = path.slice(path.lastIndexOf('/') + 1)
  return partPattern.exec(fileName)?.[1] ?? fileName.replace(/\.gguf$/i, '')
}
