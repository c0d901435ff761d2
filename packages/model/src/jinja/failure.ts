/** Why a template could not be parsed or run. Messages are worded as in Jinja2 where people may look them up. */
export class TemplateFailure extends Error {
  /** True when the template itself refused, with `raise_exception`. */
  readonly raised: boolean

  constructor(message: string, { raised = false }: { raised?: boolean } = {}) {
    super(message)
    this.name = 'TemplateFailure'
    this.raised = raised
  }
}

export function fail(message: string): never {
  throw new TemplateFailure(message)
}
