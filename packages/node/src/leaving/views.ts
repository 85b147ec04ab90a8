/**
 * Errands as Node Core shows them.
 *
 * @module
 */

import type { ErrandView, LeavingView } from '../node-core.ts'
import { alarmOf } from '../settlement/views.ts'
import type { Errand } from './errand.ts'
import type { Leaving } from './leave.ts'

export function viewErrand({ problem, ...errand }: Errand): ErrandView {
  return { ...errand, ...(problem === undefined ? {} : { problem: alarmOf(problem) }) }
}

export const viewLeaving = ({ isWished, isOver, errands }: Leaving): LeavingView => ({
  isWished,
  isOver,
  errands: errands.map(viewErrand),
})
