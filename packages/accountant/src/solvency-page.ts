/**
 * The solvency report as a page: no scripts, nothing loaded from anywhere, light and dark, also on a phone.
 *
 * @module
 */

import { formatMyst } from '@myst/protocol'
import type { SolvencyReport } from './solvency-report.ts'

/** Nothing but its own styles: it holds figures, and must not become a way in. */
export const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => escapes[char] ?? char)

/** For people: thousands apart, at most six decimals, rounded down; the exact figure is in its title and in the JSON. */
export function readable(amount: string): string {
  const [units = '0', decimals = ''] = formatMyst(BigInt(amount)).split('.')
  const shown = decimals.slice(0, 6).replace(/0+$/, '')
  if (units === '0' && shown === '' && BigInt(amount) !== 0n) return 'below 0.000001'
  return shown === '' ? apart(units) : `${apart(units)}.${shown}`
}

const apart = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')
const time = (iso: string): string =>
  `<time datetime="${escaped(iso)}">${escaped(iso.slice(0, 16).replace('T', ' '))} UTC</time>`

const figure = (amount: string): string =>
  `<td class="n" title="${escaped(formatMyst(BigInt(amount)))} MYST">${readable(amount)}</td>`
const row = (what: string, amount: string, why = ''): string =>
  `<tr><th scope="row">${what}${why === '' ? '' : `<small>${why}</small>`}</th>${figure(amount)}</tr>`
const table = (caption: string, rows: readonly string[]): string =>
  `<table><caption>${caption}</caption>${rows.join('')}</table>`

/** Hundredths of the larger of both sides, so that the bars compare. */
function bars({ providers, cover }: SolvencyReport): string {
  const parts = [
    ['free', 'Free funds', cover.freeFunds],
    ['guaranteed', 'Guarantees', cover.guarantees],
    ['collectable', 'Collectable', cover.collectable],
    ['open', 'Not shown yet', cover.open],
  ] as const
  const owed = BigInt(providers.unsettled) + BigInt(providers.bounties)
  const all = parts.reduce((sum, [, , amount]) => sum + BigInt(amount), 0n)
  const largest = all > owed ? all : owed
  const width = (amount: bigint) => (largest === 0n ? '0' : (Number((amount * 10_000n) / largest) / 100).toFixed(2))
  const segment = (name: string, amount: bigint) => `<i class="${name}" style="width:${width(amount)}%"></i>`
  const keys = parts.map(([name, words]) => `<li><i class="${name}"></i>${words}</li>`).join('')
  return `<div class="bars" aria-hidden="true">
<p>Owed to providers</p><div class="bar">${segment('owed', owed)}</div>
<p>What covers it</p><div class="bar">${parts.map(([name, , amount]) => segment(name, BigInt(amount))).join('')}</div>
<ul>${keys}</ul></div>`
}

function verdict({ solvent, alarms }: SolvencyReport): string {
  const [kind, words] = !solvent
    ? ['bad', 'Not covered: more is owed than there is.']
    : alarms.length > 0
      ? ['warn', 'Covered, with warnings.']
      : ['good', 'Covered: all that is owed is there.']
  return `<p class="verdict ${kind}">${words}</p>`
}

export function renderSolvency(report: SolvencyReport): string {
  const { block, providers, cover, channels, contract, alarms } = report
  const alarmList = alarms.map(
    ({ code, since, message }) => `<li><b>${escaped(code)}</b> ${time(since)}<p>${escaped(message)}</p></li>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Solvency of accountant ${escaped(report.accountant)}</title>
<style>${style}</style></head><body><main>
<h1>Solvency</h1>
<p class="id">Accountant <code>${escaped(report.accountant)}</code><br>on chain ${escaped(report.chainId)}. Amounts in MYST.</p>
${verdict(report)}
${bars(report)}
${alarmList.length === 0 ? '' : `<section class="alarms"><h2>Warnings</h2><ul>${alarmList.join('')}</ul></section>`}
${table('Owed to providers', [
  row(
    'Promised so far',
    providers.promised,
    `to ${apart(String(providers.count))} ${providers.count === 1 ? 'provider' : 'providers'}`,
  ),
  row('Settled', providers.settled, 'paid on chain'),
  row('Unsettled', providers.unsettled, 'promised and not paid'),
  row('Bounties', providers.bounties, 'granted, and in no promise yet'),
])}
${table('What covers it', [
  row('Free funds', cover.freeFunds, 'on the contract, pays whoever settles'),
  row('Guarantees', cover.guarantees, 'each for its provider only, up to what that one is owed'),
  row('Collectable', cover.collectable, 'signed by consumers, can be collected now'),
  row('<b>Covered</b>', cover.covered, 'the three together'),
  row('Not shown yet', cover.open, 'signed by consumers; whoever settles it makes it collectable'),
])}
${table('Taken over from consumers', [
  row(
    'Credited',
    channels.credited,
    `from ${apart(String(channels.count))} ${channels.count === 1 ? 'channel' : 'channels'}, fees included`,
  ),
  row('Collected', channels.collected, 'paid by channels on chain'),
])}
${table('The contract', [
  row('Balance', contract.balance),
  row('Operator’s stake', contract.operatorStake),
  row('Reserve', contract.reserve),
  row('Stakes of providers', contract.stakes),
  row('Guarantees of providers', contract.guarantees, `${readable(contract.missing)} missing`),
])}
<footer><p>Chain figures are all of block ${apart(block.number)} (${block.depth} deep),
${time(block.time)}<br><code>${escaped(block.hash)}</code></p>
<p>Ledger summed up ${time(report.summedAt)}. The same as JSON, exact: <a href="/v1/solvency">/v1/solvency</a></p>
</footer></main></body></html>
`
}

const style = `
:root{--bg:#fff;--fg:#1d2129;--dim:#5b6472;--line:#e1e5ea;--card:#f6f7f9;--good:#17703f;--warn:#8a5a00;--bad:#b3261e;
--owed:#6b7280;--free:#2a78d6;--guaranteed:#7a5ccc;--collectable:#1f8a70;--open:#c9a227}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--fg:#e6e9ee;--dim:#9aa4b2;--line:#2b313a;--card:#1c2027;--good:#5fd08f;
--warn:#e0b050;--bad:#ff8a80;--owed:#8b93a1;--free:#5a9eec;--guaranteed:#a48ce6;--collectable:#4fbf9f;--open:#d9b84a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:0 0 .5rem}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
.id,footer,small,time{color:var(--dim)}.id{margin:0 0 1rem}
.verdict{font-weight:600;padding:.75rem 1rem;border-radius:.5rem;background:var(--card);border-left:.3rem solid}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.bars p{margin:.5rem 0 .2rem;font-size:.9rem;color:var(--dim)}
.bar{display:flex;gap:2px;height:1.1rem;background:var(--card);border-radius:.3rem;overflow:hidden}
.bar i{display:block;height:100%}
.bars ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.6rem 0 0;padding:0;font-size:.85rem;color:var(--dim)}
.bars li i{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;margin-right:.4rem}
.owed{background:var(--owed)}.free{background:var(--free)}.guaranteed{background:var(--guaranteed)}
.collectable{background:var(--collectable)}.open{background:var(--open)}
.alarms{margin:1.5rem 0;padding:1rem;border-radius:.5rem;background:var(--card)}
.alarms ul{margin:0;padding:0;list-style:none}.alarms li+li{margin-top:.75rem;padding-top:.75rem;border-top:1px solid var(--line)}
.alarms p{margin:.2rem 0 0;overflow-wrap:anywhere}.alarms time{font-size:.85rem}.alarms b{color:var(--warn)}
table{width:100%;border-collapse:collapse;margin:1.5rem 0}
caption{text-align:left;font-weight:600;padding-bottom:.4rem}
th,td{padding:.45rem 0;border-top:1px solid var(--line);vertical-align:top}
th{text-align:left;font-weight:400;padding-right:1rem}small{display:block;font-size:.8rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
footer{font-size:.85rem;border-top:1px solid var(--line);padding-top:.75rem}a{color:var(--free)}
`.replaceAll('\n', '')
