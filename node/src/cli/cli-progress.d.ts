/** The part of cli-progress that is used here: the package has no types of its own. */
declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: {
      stream?: NodeJS.WritableStream
      format?: string
      hideCursor?: boolean
      clearOnComplete?: boolean
      barsize?: number
    })
    start(total: number, startValue: number, payload?: object): void
    update(current: number, payload?: object): void
    setTotal(total: number): void
    stop(): void
  }
}
