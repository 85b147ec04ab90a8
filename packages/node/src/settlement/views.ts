/**
 * Earnings and settlements as Node Core shows them.
 *
 * @module
 */

import { explain } from '@myst/api'
import type { Fault } from '@myst/protocol'
import type { AlarmView, EarningsView, SettlementPreviewView, SettlementView } from '../node-core.ts'
import type { Settled } from './account-settler.ts'
import type { AccountEarnings, Refused, SettlementPreview } from './settler.ts'

export function alarmOf(fault: Fault): AlarmView {
  const { what, todo } = explain(fault)
  return { code: fault.code, what, todo }
}

export function viewEarnings({ problem, settled, ...earnings }: AccountEarnings): EarningsView {
  return {
    ...earnings,
    ...(settled === undefined ? {} : { settled }),
    ...(problem === undefined ? {} : { problem: alarmOf(problem) }),
  }
}

export function viewPreview({ refusal, gas, ...preview }: SettlementPreview): SettlementPreviewView {
  return {
    ...preview,
    ...(gas === undefined ? {} : { gas }),
    ...(refusal === undefined ? {} : { refusal: alarmOf(refusal) }),
  }
}

export function viewSettlement(settled: readonly Settled[], refused: readonly Refused[]): SettlementView {
  const sum = (of: (one: Settled) => bigint) => settled.reduce((total, one) => total + of(one), 0n)
  const [first] = settled
  return {
    paid: sum(({ paid }) => paid),
    transactorFee: sum(({ fee }) => fee),
    ...(first?.hash === undefined ? {} : { hash: first.hash }),
    settlements: settled.map(({ fee, ...one }) => ({ ...one, transactorFee: fee })),
    refused: refused.map(({ accountant, fault }) => ({ ...alarmOf(fault), accountant })),
  }
}
