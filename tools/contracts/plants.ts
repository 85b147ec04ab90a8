/**
 * Mistakes that payment systems have really made, each as a small patch of our contracts, with the test that must see it.
 *
 * Their numbers are those of the W-table in the reliability notes; C-numbers are invariants that must see a fault planted
 * against them. A patch replaces text that stands in its file exactly once.
 *
 * @module
 */

export interface Plant {
  /** `W…` or `C…`, with a letter where one mistake is planted in several places. */
  readonly name: string
  readonly mistake: string
  readonly edits: readonly Edit[]
  /** `Contract.test_name`: must fail with the patch, and pass without. */
  readonly caughtBy: string
  /** Part of the failure's reason, where the test can fail for several. */
  readonly reason?: string
}

export interface Edit {
  /** Below `contracts/src`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

const books = 'accountant/Books.sol'
const channelBooks = 'channel/ChannelBooks.sol'
const channel = 'ConsumerChannel.sol'
const settlements = 'accountant/Settlements.sol'
const treasury = 'accountant/Treasury.sol'
const rotation = 'accountant/Rotation.sol'
const registry = 'Registry.sol'
const signed = 'lib/Signed.sol'

const bookedTransfer = '_token.safeTransfer(accountant_, paid);'
const invariant = 'InvariantsTest.invariant_the_books_are_right_and_nobody_was_cheated'

export const plants: readonly Plant[] = [
  {
    name: 'W6',
    mistake: 'a signature with a high s counts in one place and not in another',
    edits: [
      {
        file: 'lib/CanonicalSignature.sol',
        find: 'if (uint256(s) > halfOrder) revert ISigned.SignatureHighS(s);',
        replace: '',
      },
    ],
    caughtBy: 'SignaturesTest.test_contracts_refuse_a_high_s_promise',
  },
  {
    name: 'W7',
    mistake: 'v is silently mended: 0 and 1 count as 27 and 28',
    edits: [
      {
        file: 'lib/CanonicalSignature.sol',
        find: 'return recover(digest, r, s, v);',
        replace: 'if (v < 27) v += 27;\n        return recover(digest, r, s, v);',
      },
    ],
    caughtBy: 'SignaturesTest.test_contracts_refuse_every_odd_v',
  },
  {
    name: 'W16',
    mistake: "a stranger who opens somebody's channel first makes the registration fail for ever",
    edits: [
      {
        file: registry,
        find: 'if (channel.code.length != 0) return channel;',
        replace: 'if (channel.code.length != 0) revert AlreadyRegistered(identity);',
      },
    ],
    caughtBy: 'RegistryTest.test_registers_also_if_strangers_opened_and_funded_the_channel_before',
  },
  {
    name: 'W17a',
    mistake: 'one set of nonces for all signers: anybody voids a pending signature of another',
    edits: [
      { file: signed, find: 'return _nonces[signer][nonce >> 8]', replace: 'return _nonces[address(0)][nonce >> 8]' },
      { file: signed, find: 'uint256 bits = _nonces[signer]', replace: 'uint256 bits = _nonces[address(0)]' },
      { file: signed, find: '_nonces[signer][nonce >> 8] = bits', replace: '_nonces[address(0)][nonce >> 8] = bits' },
    ],
    caughtBy: 'NoncesTest.test_cancels_one_nonce_of_one_signer_in_one_contract',
  },
  {
    name: 'W17b',
    mistake: 'signatures do not name the chain they are for (31337 is where the tests run)',
    edits: [{ file: 'lib/Domain.sol', find: 'versionHash, block.chainid,', replace: 'versionHash, 31337,' }],
    caughtBy: 'SignaturesTest.test_refuses_a_promise_for_another_chain',
  },
  {
    name: 'W18',
    mistake: 'the fee goes to whoever sends the transaction: a copy takes it',
    edits: [
      {
        file: signed,
        find: '} else if (transactor != msg.sender) {',
        replace: '} else if (transactor == address(1)) {',
      },
      { file: settlements, find: '_send(order.transactor, order.fee);', replace: '_send(msg.sender, order.fee);' },
    ],
    caughtBy: 'CopierTest.test_a_copy_earns_nothing_and_the_original_has_its_effect_all_the_same',
  },
  {
    name: 'W20a',
    mistake: 'the result of a transfer is ignored',
    edits: [{ file: channel, find: bookedTransfer, replace: '_token.transfer(accountant_, paid);' }],
    caughtBy: 'ChannelMoneyTest.test_reverts_where_the_token_says_no',
  },
  {
    name: 'W20b',
    mistake: 'an underflow takes back the settlement that would start the punishment',
    edits: [{ file: books, find: '|| _sums.missing > free;', replace: '|| !(free - _sums.missing >= 0);' }],
    caughtBy: 'PunishmentBeginsAndEndsTest.test_starts_by_a_settlement_that_leaves_guarantees_uncovered',
  },
  {
    name: 'W22',
    mistake: "a fee inside the consumer's promise: whoever sends it takes what the signer leaves him",
    edits: [
      {
        file: channel,
        find: bookedTransfer,
        replace:
          '_token.safeTransfer(msg.sender, paid / 2);\n        _token.safeTransfer(accountant_, paid - paid / 2);',
      },
    ],
    caughtBy: 'SettlingTest.test_settles_to_the_accountant_whoever_sends',
  },
  {
    name: 'W23a',
    mistake: 'the owner withdraws at once, ahead of settlements',
    edits: [
      {
        file: treasury,
        find: '_requireDue(pending.dueAt);\n        if (block.timestamp > pending.dueAt',
        replace: 'if (block.timestamp > pending.dueAt',
      },
    ],
    caughtBy: 'TreasuryTest.test_refuses_withdrawals_unannounced_early_late_or_of_nothing',
  },
  {
    name: 'W23b',
    mistake: 'a withdrawal takes what a guarantee lacks',
    edits: [
      { file: books, find: 'paid = _min(amount, _spare(balance));', replace: 'paid = _min(amount, _free(balance));' },
    ],
    caughtBy: 'TreasuryTest.test_leaves_what_guarantees_lack_although_it_is_free',
  },
  {
    name: 'W24a',
    mistake: 'closing voids every promise at once',
    edits: [
      {
        file: settlements,
        find: '_requireMaySettle(identity, msg.sender);',
        replace: '_requireMaySettle(identity, msg.sender);\n        if (_state.closed) revert AccountantClosed();',
      },
    ],
    caughtBy: 'ClosingTest.test_business_that_was_done_is_paid',
  },
  {
    name: 'W24b',
    mistake: "the owner of a closed accountant takes providers' stakes and guarantees too",
    edits: [{ file: books, find: '_sums.apart = _to128(_sums.apart - released);', replace: '_sums.apart = 0;' }],
    caughtBy: 'ClosingTest.test_the_owner_gets_what_is_left_and_nothing_of_providers',
  },
  {
    name: 'W25',
    mistake: "nobody checks who signed an order: anybody turns another's settlement into what he likes",
    edits: [
      {
        file: settlements,
        find: '_requireSigner(order.hash(), order.provider, orderSignature);',
        replace: 'order.hash();',
      },
    ],
    caughtBy: 'OrderTest.test_refuses_an_order_with_any_field_changed',
  },
  {
    name: 'W26',
    mistake: 'an initializer that a stranger may call, and call again',
    edits: [
      {
        file: 'Accountant.sol',
        find: 'if (msg.sender != address(_registry)) revert NotRegistry(msg.sender);',
        replace: '',
      },
      { file: books, find: 'require(_state.operator == address(0), AlreadyInitialized());', replace: '' },
    ],
    caughtBy: 'RegistryTest.test_initializes_once_and_by_the_registry_only',
  },
  {
    name: 'W28',
    mistake: 'an exit pays out what is held: withhold the preimage, exit, then settle',
    edits: [
      {
        file: channelBooks,
        find: 'uint256 liable = held > settled ? held - settled : 0;',
        replace: 'uint256 liable = 0;',
      },
    ],
    caughtBy: 'ConsumerWithProviderTest.test_no_order_of_moves_gains_them_anything_or_costs_carol_anything',
  },
  {
    name: 'W31',
    mistake: "a signed message takes its transactor's fee out of the channel at once",
    edits: [
      {
        file: channel,
        find: 'emit ExitRequested(dueAt, beneficiary, request.transactor, request.fee);',
        replace:
          'emit ExitRequested(dueAt, beneficiary, request.transactor, request.fee);\n        _pay(beneficiary, 0, request.transactor, request.fee);',
      },
    ],
    caughtBy: 'ChannelMoneyTest.test_an_announced_exit_pays_nobody_yet',
  },
  {
    name: 'W32',
    mistake: "anybody sends a copy of another's settlement, without its order",
    edits: [
      {
        file: settlements,
        find: '_requireMaySettle(identity, msg.sender);\n        _requireMore(',
        replace: '_requireMore(',
      },
    ],
    caughtBy: 'OrderTest.test_refuses_a_copied_order_from_another_sender',
  },
  {
    name: 'W33',
    mistake: 'channels open only for accountants in good standing: money on a predicted address is locked',
    edits: [
      {
        file: registry,
        find: 'if (accountant == address(0)) revert UnknownAccountant(accountant);',
        replace:
          'if (!isAccountant[accountant] || IAccountant(accountant).isClosed()) revert UnknownAccountant(accountant);',
      },
    ],
    caughtBy: 'ClosingTest.test_channels_open_and_exit_also_when_it_is_closed',
  },
  {
    name: 'W34',
    mistake: 'a stake is taken without its guarantee: whoever is rich starts a punishment',
    edits: [{ file: books, find: 'require(needed <= free, GuaranteeUncovered(free, needed));', replace: 'needed;' }],
    caughtBy: 'StakesTest.test_refuses_a_stake_that_free_funds_do_not_guarantee',
  },
  {
    name: 'W35a',
    mistake: 'a rotation voids what the replaced key promised',
    edits: [{ file: settlements, find: 'rotation = replacedIn[key];', replace: 'rotation = 0;' }],
    caughtBy: 'ReplacedKeysTest.test_a_promise_of_the_replaced_key_is_paid_from_the_guarantee',
  },
  {
    name: 'W35b',
    mistake: 'a refilled guarantee pays promises of a replaced key again: a thief empties the accountant',
    edits: [{ file: rotation, find: '_limits[provider][rotation].paid += uint120(paid);', replace: '' }],
    caughtBy: 'OldKeyThiefTest.test_a_thief_of_an_old_key_and_bob_gain_his_guarantee_at_most',
  },
  {
    name: 'W36',
    mistake: 'a payout does not count as settled: the settlement in flight pays once more',
    edits: [
      {
        file: books,
        find: '_accounts[identity].settled = _to112(upTo);',
        replace: '_accounts[identity].settled = _accounts[identity].settled;',
      },
    ],
    caughtBy: 'PayoutTest.test_a_payout_and_a_settlement_in_flight_pay_once',
  },
  {
    name: 'C1',
    mistake: 'a base unit of each settlement goes nowhere',
    edits: [
      {
        file: channel,
        find: bookedTransfer,
        replace: '_token.safeTransfer(address(0xdead), 1);\n        _token.safeTransfer(accountant_, paid - 1);',
      },
    ],
    caughtBy: invariant,
    reason: 'sum of all balances',
  },
  {
    name: 'C2',
    mistake: 'more is held than was signed',
    edits: [{ file: channelBooks, find: 'held = amount;', replace: 'held = 2 * amount;' }],
    caughtBy: invariant,
    reason: 'held no more than was signed',
  },
  {
    name: 'C3',
    mistake: 'a channel pays all it has, whatever the promise says',
    edits: [
      {
        file: channelBooks,
        find: 'paid = owed < balance ? owed : balance;',
        replace: 'owed;\n        paid = balance;',
      },
    ],
    caughtBy: invariant,
    reason: "a channel's settled grew by something else",
  },
  {
    name: 'C8',
    mistake: 'a stake that was taken back still counts',
    edits: [{ file: books, find: '_stakes.total = _to128(_stakes.total - amount);', replace: '' }],
    caughtBy: invariant,
    reason: 'sum of stakes',
  },
  {
    name: 'C9',
    mistake: 'whoever takes some stake back loses half of the guarantee of the rest',
    edits: [{ file: books, find: 'left = _min(guarantee, stake);', replace: 'left = _min(guarantee, stake) / 2;' }],
    caughtBy: invariant,
    reason: 'C9',
  },
  {
    name: 'C16',
    mistake: "an exit leaves a base unit of what is the consumer's",
    edits: [{ file: channelBooks, find: 'payment = balance - liable;', replace: 'payment = balance - liable - 1;' }],
    caughtBy: invariant,
    reason: 'an exit leaves what is held',
  },
]
