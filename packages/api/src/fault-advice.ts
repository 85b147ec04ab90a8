/**
 * What each fault means to a person, and what to do about it: one table for the API, the command line and the dashboard.
 *
 * @module
 */

import { type Fault, formatMyst, parseBaseUnits } from '@myst/protocol'
import type { ApiRefusalCode, ClientFaultCode } from './api-refusal.ts'
import { coins, deploymentAdvice } from './deployment-advice.ts'

export type Facts = Readonly<Record<string, unknown>>

export interface Advice {
  /** HTTP status; it also decides how a program ends (`exitCodeOf`). */
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 503
  readonly what: string | ((facts: Facts) => string)
  /** Empty where there is nothing to do. */
  readonly todo: string
}

const apiAdvice = {
  'request-malformed': { status: 400, what: 'The request is not HTTP as the node reads it.', todo: '' },
  'host-not-allowed': {
    status: 403,
    what: ({ host }) => `The node does not answer to the name "${host}".`,
    todo: 'Use 127.0.0.1 or localhost, with the port that the node listens on.',
  },
  'origin-not-allowed': {
    status: 403,
    what: ({ origin }) => `Pages of "${origin}" may not speak to this node.`,
    todo: 'Open the page that the node itself serves.',
  },
  'path-unknown': {
    status: 404,
    what: ({ method, path }) => `The node knows no ${method} ${path}.`,
    todo: 'Use a client of the same version as the node.',
  },
  'token-missing': {
    status: 401,
    what: 'The request carries no token.',
    todo: 'Send "authorization: Bearer …" with the content of api-token in the data directory.',
  },
  'token-wrong': {
    status: 401,
    what: 'The token is not the one of this node.',
    todo: 'Use the content of api-token in the data directory of the node that runs.',
  },
  'content-type-not-json': { status: 415, what: 'The body is not JSON.', todo: 'Send content-type: application/json.' },
  'body-too-large': { status: 413, what: 'The body is larger than any request of this API.', todo: '' },
  'body-malformed': { status: 400, what: 'The body is no JSON that can be read.', todo: '' },
  'request-invalid': {
    status: 400,
    what: ({ at, why }) => `The request does not fit: ${at} ${why}.`,
    todo: '',
  },
  'idempotency-key-invalid': {
    status: 400,
    what: 'The Idempotency-Key is none: 1 to 128 visible characters of ASCII, once.',
    todo: '',
  },
  'idempotency-key-reused': {
    status: 422,
    what: 'This Idempotency-Key belongs to another request.',
    todo: 'Use a new key for each request, and the same only to repeat one.',
  },
  'events-full': { status: 429, what: 'Too many programs watch this node already.', todo: 'Close one of them.' },
  'node-stopping': { status: 503, what: 'The node is stopping.', todo: 'Start it again: myst node' },
  internal: {
    status: 500,
    what: 'The node failed at something that should always work.',
    todo: "The node's log says more; please report it.",
  },
} as const satisfies Record<ApiRefusalCode, Advice>

const clientAdvice = {
  'node-unreachable': {
    status: 503,
    what: ({ dataDir, socketPath, url }) => `No node answers at ${socketPath ?? url ?? dataDir}.`,
    todo: 'Start one with "myst node", or name the data directory of the one that runs with --data-dir.',
  },
  'node-timeout': {
    status: 503,
    what: ({ timeoutMs }) => `The node has not answered within ${Number(timeoutMs) / 1000} s.`,
    todo: 'It may still be at work: look with "myst status" before you try again.',
  },
  'node-answer-invalid': {
    status: 503,
    what: 'What answers is not a node, or one of another version.',
    todo: 'Compare "myst version" with the version of the node that runs.',
  },
} as const satisfies Record<ClientFaultCode, Advice>

const nodeAdvice = {
  'amount-invalid': {
    status: 422,
    what: ({ text }) => `"${text}" is no amount.`,
    todo: 'Write it as 1, 0.003 or 1_000.5, in MYST.',
  },
  'balance-too-low': {
    status: 409,
    what: ({ left, needed }) => `There are ${readable(left)} left, and a session needs ${readable(needed)} at least.`,
    todo: 'Top up: myst topup',
  },
  'already-connected': {
    status: 409,
    what: ({ provider, serviceType }) => `There is a ${serviceType} connection to ${provider} already.`,
    todo: 'Use it, or end it first: myst disconnect',
  },
  'budget-spent': {
    status: 409,
    what: () => 'The budget of this connection is spent.',
    todo: 'Connect again with a larger one: myst connect --budget 1',
  },
  'day-limit-reached': {
    status: 409,
    what: () => "The day's spending limit is reached.",
    todo: 'Raise "spending" in the node\'s configuration, or wait for tomorrow (UTC).',
  },
  'top-up-not-stated': {
    status: 409,
    what: () => 'The money is on the channel, and the accountant does not say so yet.',
    todo: 'Connect again in a minute: myst connect',
  },
  'accountant-unknown': {
    status: 404,
    what: ({ accountant }) => `This network has no accountant ${accountant}.`,
    todo: 'See whom you earn with: myst earnings',
  },
  'payout-refused': {
    status: 422,
    what: ({ why, atLeast }) => `${why}${atLeast === undefined ? '' : ` It is ${readable(atLeast)}.`}`,
    todo: 'See what there is: myst payout',
  },
  'connection-closed': {
    status: 409,
    what: () => 'The connection was ended while it was being made.',
    todo: '',
  },
  'no-provider-found': {
    status: 404,
    what: ({ country, serviceType, provider }) =>
      `Nobody offers ${[serviceType ?? 'a service', country && `in ${country}`, provider && `as ${provider}`]
        .filter((part) => part !== undefined)
        .join(' ')}, or not through an accountant that we use.`,
    todo: 'See what there is: myst proposals',
  },
  'service-type-unknown': {
    status: 422,
    what: ({ serviceType }) => `This node has no driver for "${serviceType}".`,
    todo: 'Use proxy, or add the driver to "drivers" in the node\'s configuration.',
  },
  'service-already-offered': {
    status: 409,
    what: ({ serviceType }) => `The service ${serviceType} runs already.`,
    todo: 'Stop it first to change it: myst serve --stop proxy',
  },
  'service-not-offered': { status: 404, what: ({ serviceType }) => `No service ${serviceType} runs here.`, todo: '' },
  'country-invalid': {
    status: 422,
    what: ({ country }) => `"${country}" is no country.`,
    todo: 'Use its two letters, in capitals: NL, DE, US.',
  },
  'connection-unknown': {
    status: 404,
    what: ({ id }) => `There is no connection ${id}.`,
    todo: 'See which there are: myst status',
  },
  'nothing-to-settle': { status: 409, what: 'Nothing was earned since the last settlement.', todo: '' },
  'fee-above-earnings': {
    status: 409,
    what: ({ fee, due }) => `The transactor asks ${readable(fee)}, and ${readable(due)} would be paid out.`,
    todo: 'Earn some more first, and settle then.',
  },
  'fee-too-high': {
    status: 409,
    what: ({ fee, due }) =>
      `The transactor asks ${readable(fee)}, more than half of the ${readable(due)} to be paid out.`,
    todo: 'Earn some more first, or try again later; what was earned is kept.',
  },
  'settlement-refused': {
    status: 409,
    what: ({ code }) => `The chain refused the settlement${code === undefined ? '' : `: ${wordsOf(code)}`}.`,
    todo: 'Try again in a minute. NothingToPay and Underpaid mean that the accountant has too little money there now.',
  },
  'settlement-dear': {
    status: 409,
    what: ({ fee, due }) =>
      `A settlement of ${readable(due)} costs ${readable(fee)} now; the node waits until that is less.`,
    todo: 'Nothing is lost by waiting. To have it now: myst settle',
  },
  'accountant-short': {
    status: 409,
    what: ({ accountant, missing }) =>
      `The accountant ${accountant} paid less than it promised: ${readable(missing)} are missing.`,
    todo: 'The node takes the rest as soon as it is there. Serve through another accountant until then.',
  },
  'nothing-to-withdraw': {
    status: 409,
    what: 'The channel holds nothing but what is promised already.',
    todo: '',
  },
  leaving: {
    status: 409,
    what: 'This node is leaving: it brings all money home, and begins nothing new.',
    todo: 'See how far it is: myst leave --status. To stay after all: myst leave --cancel',
  },
  'not-credited-yet': {
    status: 503,
    what: ({ accountant }) => `The accountant ${accountant} has not yet taken over what consumers promised.`,
    todo: 'Leave the node running: it asks again until the accountant answers.',
  },
  'fast-exit-refused': {
    status: 409,
    what: ({ accountant, code }) =>
      `The accountant ${accountant} does not co-sign that money leaves at once: ${wordsOf(code)}.`,
    todo: "It is asked again; after five minutes the money takes the slow way, by the contract's delay.",
  },
  'exit-refused': {
    status: 409,
    what: ({ code }) => `The chain refused it${code === undefined ? '' : `: ${wordsOf(code)}`}.`,
    todo: 'It is tried again, with what the chain shows by then.',
  },
  'channel-not-open': {
    status: 409,
    what: ({ channel }) => `The channel ${channel} has money, and no contract yet.`,
    todo: "Register first, which is paid from it: myst register. Or send the identity some of the chain's coin.",
  },
  'beneficiary-refused': {
    status: 422,
    what: ({ beneficiary, code }) => `${beneficiary} is not taken as beneficiary: ${wordsOf(code)}.`,
    todo: 'Name an address whose key you hold, not a contract of the network. NotRegistered: myst register, first.',
  },
  'wallet-busy': {
    status: 409,
    what: ({ address, waitedMs }) =>
      `A transaction of ${address} has been on its way for ${Number(waitedMs) / 1000} s.`,
    todo: 'Wait until the chain has taken it; nothing is sent twice meanwhile.',
  },
  'registration-refused': {
    status: 409,
    what: 'The chain refused the registration.',
    todo: 'The channel must hold enough for its fees: myst topup',
  },
  'transactor-refused': {
    status: 409,
    what: ({ why }) => `The transactor refused: ${wordsOf(why)}`,
    todo: 'For a registration, the channel must hold enough for its fees: myst topup',
  },
  'transactor-unreachable': {
    status: 503,
    what: ({ url }) => `The transactor at ${url} does not answer.`,
    todo: 'Try again later; no money has moved.',
  },
  'gas-missing': {
    status: 409,
    what: ({ address, missing }) => `${address} lacks ${coins(missing)} of the chain's coin to send this itself.`,
    todo: 'The network profile names no transactor, so each sends its own transactions: send it some of the coin.',
  },
  'faucet-refused': {
    status: 409,
    what: ({ why }) => `The faucet gives nothing: ${wordsOf(why)}`,
    todo: 'MYST on networks that are no tests is bought, not given: myst topup',
  },
  'faucet-not-test-network': {
    status: 422,
    what: 'The token of this network is not one that can be given away.',
    todo: 'Take "faucet" out of the configuration of the transactor.',
  },
  'accountant-refused': { status: 409, what: 'The accountant refused.', todo: '' },
  'accountant-unreachable': {
    status: 503,
    what: ({ url }) => `The accountant at ${url} does not answer.`,
    todo: 'Try again later; what was earned is kept.',
  },
  'accountant-answer-invalid': {
    status: 503,
    what: 'The accountant answered something that it must not.',
    todo: 'Nothing of it was accepted. If it stays so, use another accountant.',
  },
  'accountant-promise-invalid': {
    status: 503,
    what: 'The accountant sent a promise that would not hold on chain.',
    todo: 'It was not accepted. If it stays so, use another accountant.',
  },
  'recovery-refused': {
    status: 409,
    what: 'The accountant was restored from an old backup, and does not take back what it answered.',
    todo: "It is offered again; the node's log says why. Settle what it promised, and tell its operator.",
  },
  'batch-refused': {
    status: 409,
    what: 'The accountant refused the payments that were to be exchanged.',
    todo: "They are kept, and tried again; the node's log says why.",
  },
  'chain-unreachable': {
    status: 503,
    what: ({ rpcUrl, why }) =>
      `The blockchain node at ${rpcUrl} ${why === undefined ? 'does not answer' : `does not answer as one does: ${why}`}.`,
    todo: 'Check the network, or name another one: --rpc, or rpcUrls in the network profile.',
  },
  'chain-wrong-id': {
    status: 409,
    what: ({ rpcUrl, served, expected }) => `${rpcUrl} serves chain ${served}, not chain ${expected}.`,
    todo: 'Use the network profile of this chain, or a blockchain node of the other.',
  },
  'signer-unreachable': {
    status: 503,
    what: ({ socket, why }) => `The signer at ${socket} does not answer: ${why}.`,
    todo: 'Start it: myst accountant signer.',
  },
  'signer-wrong': {
    status: 409,
    what: ({ socket, why }) => `The signer at ${socket} did not sign with the operator's key: ${why}.`,
    todo: 'Start the signer with the keystore of the operator that the contract knows.',
  },
  'chain-disagrees': {
    status: 503,
    what: ({ about }) => `The blockchain nodes of the network profile say different things of ${about}.`,
    todo: 'One of them is late, or wrong. What depends on it waits; if it does not pass, take the wrong one out of rpcUrls.',
  },
  'network-unreachable': {
    status: 503,
    what: "None of the network's full nodes answers.",
    todo: 'Check that UDP is let out, and that the network profile is this network’s.',
  },
  'full-nodes-unreachable': {
    status: 503,
    what: 'None of the full nodes that list proposals answers.',
    todo: 'Try again in a minute.',
  },
  'proposal-refused': {
    status: 409,
    what: 'No full node takes our proposal.',
    todo: "Check this machine's clock first: proposals carry the time.",
  },
  'peer-unreachable': {
    status: 503,
    what: 'The provider cannot be reached.',
    todo: 'Choose another one: myst proposals',
  },
  'peer-not-found': {
    status: 503,
    what: 'The provider is not to be found; it may have just left.',
    todo: 'Choose another one: myst proposals',
  },
  'request-timeout': { status: 503, what: 'The provider does not answer.', todo: 'Choose another one: myst proposals' },
  'link-closed': {
    status: 503,
    what: 'The provider ended the link.',
    todo: 'Try again, or choose another one: myst proposals',
  },
  'link-busy': { status: 503, what: 'The provider is overloaded.', todo: 'Choose another one: myst proposals' },
  'session-provider-full': {
    status: 409,
    what: 'The provider takes no more sessions.',
    todo: 'Choose another one: myst proposals',
  },
  'session-service-unknown': {
    status: 409,
    what: 'The provider no longer offers this service.',
    todo: 'Choose another one: myst proposals',
  },
  'session-price-changed': { status: 409, what: 'The provider has just changed its price.', todo: 'Connect again.' },
  'session-capacity-too-low': {
    status: 409,
    what: 'The channel holds too little for this provider.',
    todo: 'Top up: myst topup',
  },
  'provider-answer-invalid': {
    status: 503,
    what: 'The provider answered something that cannot be read.',
    todo: 'Choose another one: myst proposals',
  },
  'no-direct-path': { status: 503, what: 'There is no direct path to the provider.', todo: '' },
  'driver-unavailable': {
    status: 409,
    what: ({ missing }) => `This machine lacks ${missing}.`,
    todo: 'Install it (Debian: wireguard-go, nftables, iproute2, conntrack) and run as root, or use --service proxy.',
  },
  'listen-failed': {
    status: 409,
    what: ({ host, port }) => `${host}:${port} cannot be listened on.`,
    todo: 'Choose another port with --listen, or leave it out.',
  },
  'tunnel-no-handshake': {
    status: 503,
    what: 'The tunnel does not come up.',
    todo: 'Choose another provider: myst proposals',
  },
  'port-in-use': {
    status: 409,
    what: ({ host, port }) => `UDP ${host ?? ''}:${port} is taken.`,
    todo: 'Choose another port under "bind" in the configuration.',
  },
  'port-taken': {
    status: 409,
    what: ({ host, port }) => `${host ?? ''}:${port} is taken.`,
    todo: 'Choose another port.',
  },
  'identity-missing': {
    status: 404,
    what: ({ dataDir }) => `There is no identity in ${dataDir}.`,
    todo: 'Make one: myst identity create',
  },
  'identity-locked': {
    status: 409,
    what: ({ identity, why }) => `The key of ${identity} stays locked: ${why}.`,
    todo: 'Name the file with its passphrase: --passphrase-file, or passphraseFile in the configuration.',
  },
  'keystore-unreadable': { status: 409, what: ({ path }) => `${path} cannot be read.`, todo: 'Check whose it is.' },
  'keystore-malformed': {
    status: 422,
    what: ({ why }) => `This is no keystore file: ${why}.`,
    todo: 'Give one of version 3, as geth and other wallets write it.',
  },
  'keystore-wrong-passphrase': { status: 409, what: 'The passphrase does not open this file.', todo: '' },
  'keystore-too-costly': {
    status: 422,
    what: 'This keystore file asks for more work than an honest one needs.',
    todo: '',
  },
  'identity-exists': {
    status: 409,
    what: ({ identity }) => `The identity ${identity} is here already.`,
    todo: '',
  },
  'passphrase-missing': {
    status: 409,
    what: 'There is an identity, and no passphrase to open it.',
    todo: 'Name the file with --passphrase-file, or set MYST_PASSPHRASE.',
  },
  'terminal-missing': {
    status: 409,
    what: ({ question }) => `There is no terminal to ask on: ${question}?`,
    todo: 'Give it in a file; --help names the option.',
  },
  'passphrase-invalid': {
    status: 422,
    what: ({ why }) => `This passphrase cannot be used: ${why}.`,
    todo: '',
  },
  'node-already-running': {
    status: 409,
    what: ({ socketPath }) => `A node runs with this data directory; it listens at ${socketPath}.`,
    todo: 'Use that one, or another --data-dir.',
  },
  'store-in-use': {
    status: 409,
    what: ({ path }) => `Another process has ${path} open.`,
    todo: 'Stop the other node, or use another --data-dir.',
  },
  'store-newer': {
    status: 409,
    what: ({ path }) => `${path} was written by a newer version.`,
    todo: 'Use that version or a newer one.',
  },
  'store-unreadable': {
    status: 500,
    what: ({ path }) => `${path} is damaged, or not ours.`,
    todo: 'Restore it from a backup.',
  },
  'store-unwritable': {
    status: 409,
    what: ({ denied, why }) => `${denied} cannot be written by this user: ${why}.`,
    todo: 'Nothing was changed. Give file and folder to the user that runs this, or mount the disk for writing.',
  },
  'store-failed': { status: 500, what: ({ path }) => `${path} cannot be written.`, todo: 'Check space and rights.' },
  'store-full': { status: 503, what: ({ path }) => `There is no space left for ${path}.`, todo: 'Make space.' },
  'store-fenced': {
    status: 409,
    what: 'Another process has written to this ledger.',
    todo: 'Stop one of the two; two accountants on one ledger would sign twice.',
  },
  'store-unreachable': {
    status: 503,
    what: ({ path }) => `${path} does not answer.`,
    todo: 'Look after the database server, and its log.',
  },
  'store-unsynced': {
    status: 409,
    what: ({ path }) =>
      `${path} does not write through to its disk: what was acknowledged would be lost with the power.`,
    todo: 'Set fsync = on in postgresql.conf.',
  },
  'store-behind': {
    status: 500,
    what: ({ path, newest, acknowledged }) =>
      `${path} ends with entry ${newest}, and entry ${acknowledged} was acknowledged: it lost some, or is a backup.`,
    todo: 'Put back the newest files, ledger.db with all that is named after it; or, where they are gone for good, a backup: "myst accountant restore" tells the accountant to recover.',
  },
  'accountant-not-running': {
    status: 503,
    what: ({ url }) => `No accountant runs at ${url}.`,
    todo: 'Start it, and ask again: myst accountant',
  },
  'bounty-failed': {
    status: 503,
    what: ({ url, why }) => `The accountant at ${url} did not do it: ${wordsOf(why)}.`,
    todo: 'Look at its log. Granting the same plan again grants nothing twice.',
  },
  'bounty-stranger': {
    status: 409,
    what: ({ provider }) => `Nothing was ever promised to ${provider}. Nobody was granted anything.`,
    todo: 'Make the plan anew from this ledger.',
  },
  'bounty-chain-unseen': {
    status: 503,
    what: 'The accountant has not read the chain yet.',
    todo: 'Try again in a minute.',
  },
  'bounty-uncovered': {
    status: 409,
    what: ({ asked, spare }) =>
      `The plan gives ${readable(asked)} MYST, and ${readable(spare)} MYST are spare. Nobody was granted anything.`,
    todo: "Send MYST to the accountant's contract, or plan less.",
  },
  'plan-unreadable': {
    status: 422,
    what: ({ path, why }) => `${path} cannot be used: ${why}.`,
    todo: 'Take a file that "myst bounty plan --out" wrote, as it is.',
  },
  'backup-failed': {
    status: 500,
    what: ({ path, why }) => `${path} could not be written: ${why}.`,
    todo: 'Check that the folder is there, and its space and rights, for the user that the accountant runs as.',
  },
  'backup-unreadable': {
    status: 500,
    what: ({ path, why }) => `${path} is no backup of a ledger: ${why}.`,
    todo: 'Take a file that "myst accountant backup" wrote. A plain copy goes in place by hand, then start with --recovered.',
  },
  'backup-not-here': {
    status: 409,
    what: 'The ledger is in PostgreSQL.',
    todo: 'Use pg_dump and pg_restore, and start with --recovered after a restore.',
  },
  'ledger-missing': {
    status: 404,
    what: ({ path }) => `There is no ledger at ${path}.`,
    todo: 'A new accountant needs no move: name the database as "ledger" in accountant.json, and start.',
  },
  'ledger-moved': {
    status: 409,
    what: ({ path }) => `The ledger was moved into PostgreSQL; ${path} is what it was then.`,
    todo: 'Name the database as "ledger" in accountant.json. Never start the old file: it would sign twice what was answered since.',
  },
  'ledger-is-backup': {
    status: 409,
    what: ({ path }) => `${path} is a restored backup that has not been started yet.`,
    todo: 'Start the accountant on it once, so that it recovers; then stop it, and move.',
  },
  'store-not-empty': {
    status: 409,
    what: ({ path }) => `${path} has a ledger already, and another one than this.`,
    todo: 'Nothing was changed. Name a database of its own.',
  },
  'copy-unlike': {
    status: 500,
    what: ({ entry, found }) =>
      `The copy ends with entry ${found}, or has other records: the ledger ends with ${entry}.`,
    todo: 'The accountant stays on its file, as it was. Look after the database server, and use a new database.',
  },
  'config-unwritable': {
    status: 409,
    what: ({ path, why }) => `${path} cannot be written: ${why}.`,
    todo: 'Check the file, its folder and their rights, then run the same command again: it finishes the move.',
  },
  'ledger-damaged': {
    status: 500,
    what: ({ table, key, sequence, why }) =>
      `The ledger is not what was written, at ${table === undefined ? `entry ${sequence} of its log` : `record ${key} of ${table}`}: ${why}.`,
    todo: 'Nothing was changed and nobody was answered. Put back the newest files, ledger.db with all that is named after it; or, where they are gone for good, a backup.',
  },
  'ledger-stopped': {
    status: 503,
    what: ({ why }) => `The ledger acknowledges nothing: ${why}. It can still be read.`,
    todo: 'After store-full, make space: it goes on by itself. After anything else, check the disk and start again.',
  },
  'ledger-busy': { status: 503, what: 'The ledger has more waiting than it can take.', todo: 'Try again in a second.' },
  'signing-failed': {
    status: 503,
    what: "The operator's key did not sign; nothing was changed.",
    todo: 'Check the signer.',
  },
  'log-too-short': {
    status: 409,
    what: ({ wanted, oldest }) => `The log begins with entry ${oldest}; a replay needs entry ${wanted}.`,
    todo: 'Replay from a backup that is newer than that.',
  },
  'record-corrupt': {
    status: 500,
    what: ({ table }) => `A record of ${table} in the data directory is damaged.`,
    todo: 'Restore the data directory from a backup.',
  },
  'config-invalid': { status: 422, what: ({ at, why }) => `The configuration does not fit: ${at} ${why}.`, todo: '' },
  'config-unreadable': {
    status: 422,
    what: ({ path, why }) => `${path} cannot be read: ${why}.`,
    todo: 'Check the path, and that it holds JSON.',
  },
  'network-missing': {
    status: 422,
    what: ({ dataDir }) => `${dataDir} belongs to no network yet.`,
    todo: 'Name the file of the network to join: myst node --network profile.json',
  },
  'network-other': {
    status: 409,
    what: ({ dataDir, network }) => `${dataDir} belongs to another network than ${network}.`,
    todo: 'Use another --data-dir for it: keys and promises belong to one network.',
  },
  'config-kept': {
    status: 409,
    what: ({ configPath, setting }) => `${configPath} is there already, with its own ${setting}.`,
    todo: 'Edit that file, or leave the option out.',
  },
  'file-exists': { status: 409, what: ({ path }) => `${path} is there already.`, todo: 'Choose another name.' },
  'profile-invalid': {
    status: 422,
    what: ({ path, at }) => `${path} is no network profile: ${at} does not fit.`,
    todo: 'Ask for the file again where you got it.',
  },
  'profile-private-ranges': {
    status: 422,
    what: 'Only the devnet may call private addresses public.',
    todo: 'Use another network profile: this one would open your home network to strangers.',
  },
  'profile-incomplete': {
    status: 422,
    what: 'The network profile names no accountant or no blockchain node, or no transactor where one is needed.',
    todo: 'Ask for the file again where you got it.',
  },
  'socket-path-too-long': {
    status: 422,
    what: ({ socketPath, maxBytes }) => `${socketPath} is longer than the ${maxBytes} bytes a socket's path may have.`,
    todo: 'Use a --data-dir with a shorter path.',
  },
  'api-host-not-loopback': {
    status: 422,
    what: ({ host }) => `The API would be open to others at ${host}.`,
    todo: 'Use 127.0.0.1; reach it from elsewhere through SSH.',
  },
} as const satisfies Record<string, Advice>

export const faultAdvice: Readonly<Record<string, Advice>> = {
  ...deploymentAdvice,
  ...nodeAdvice,
  ...clientAdvice,
  ...apiAdvice,
}

export interface Explanation {
  readonly status: Advice['status']
  readonly what: string
  readonly todo: string
}

/** What a fault means. One that the table does not list keeps its code and facts. */
export function explain({ code, facts }: Pick<Fault, 'code' | 'facts'>): Explanation {
  const advice = Object.hasOwn(faultAdvice, code) ? faultAdvice[code] : undefined
  if (advice !== undefined) {
    const { status, what, todo } = advice
    return { status, what: typeof what === 'string' ? what : what(facts), todo }
  }
  const known = Object.entries(facts).map(([name, value]) => `${name}=${value}`)
  const away = /-(unreachable|timeout|lost|closed)$/.test(code)
  return { status: away ? 503 : 500, what: [code, ...known].join(' '), todo: '' }
}

/** How a program ends after a fault: 1 refused, 2 used wrongly, 3 something needed is not there. */
export function exitCodeOf(fault: Pick<Fault, 'code' | 'facts'>): 1 | 2 | 3 {
  const { status } = explain(fault)
  if (status === 503) return 3
  return status === 400 || status === 422 ? 2 : 1
}

/** What a service says in its refusals, `{code, message, facts}`; what is longer than a few lines was cut by who asked. */
function wordsOf(why: unknown): string {
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(String(why))?.[1]
  return (message ?? String(why ?? 'it does not say why')).replace(/[^ -~]+/g, ' ').slice(0, 300)
}

/** An amount among the facts: a bigint in the process, a decimal string after JSON. */
function readable(fact: unknown): string {
  const amount = parseBaseUnits(String(fact))
  return amount.ok ? `${formatMyst(amount.value)} MYST` : 'too little'
}
