import type { Filter } from '../run/runtime.ts'
import { jsonFilters } from './json-filter.ts'
import { listFilters } from './list-filters.ts'
import { markupFilters } from './markup-filters.ts'
import { numberFilters } from './number-filters.ts'
import { orderFilters } from './order-filters.ts'
import { selectionFilters } from './selection-filters.ts'
import { textFilters } from './text-filters.ts'

/** The filters of Jinja2, with the `tojson` of Hugging Face transformers. */
export const filters: ReadonlyMap<string, Filter> = new Map([
  ...jsonFilters,
  ...listFilters,
  ...markupFilters,
  ...numberFilters,
  ...orderFilters,
  ...selectionFilters,
  ...textFilters,
])
