/**
 * More mistakes than the ones that were really made: one for each rule of ticks, payouts, punishment, rotation, closing
 * and batches. `planted.ts --all` plants them too.
 *
 * @module
 */

import type { Plant } from './plants.ts'

const books = 'accountant/Books.sol'
const channel = 'ConsumerChannel.sol'
const settlements = 'accountant/Settlements.sol'
const rotation = 'accountant/Rotation.sol'
const stakes = 'accountant/Stakes.sol'
const treasury = 'accountant/Treasury.sol'
const funds = 'accountant/Funds.sol'

export const plantsBesides: readonly Plant[] = [
  {
    name: 'more-ticks-than-signed',
    mistake: 'a chain pays more ticks than were signed',
    edits: [{ file: channel, find: 'if (k > ticks.max) revert TicksAboveMax(ticks.max, k);', replace: '' }],
    caughtBy: 'TicksTest.test_refuses_more_ticks_than_were_signed',
  },
  {
    name: 'tick-of-no-chain',
    mistake: 'nobody compares the hashed element with the root',
    edits: [
      { file: channel, find: 'if (hashed != ticks.root) revert TickNotOfChain(ticks.root, hashed);', replace: '' },
    ],
    caughtBy: 'TicksTest.test_refuses_an_element_of_no_chain',
  },
  {
    name: 'endless-chain',
    mistake: 'a chain may be so long that nobody can hash it',
    edits: [
      { file: channel, find: 'if (ticks.max > maxTicks) revert TooManyTicks(maxTicks, ticks.max);', replace: '' },
    ],
    caughtBy: 'TicksTest.test_refuses_chains_longer_than_1024',
  },
  {
    name: 'unheld-ticks',
    mistake: 'a hold counts the amount without its ticks',
    edits: [
      {
        file: channel,
        find: '_hold(amount + ticks.max * ticks.value, hashlock);',
        replace: '_hold(amount, hashlock);',
      },
    ],
    caughtBy: 'TicksTest.test_unspent_ticks_leave_by_a_fast_exit_only',
  },
  {
    name: 'lonely-fast-exit',
    mistake: 'a fast exit needs no signature of the operator',
    edits: [
      {
        file: channel,
        find: '_requireSigner(structHash, IAccountant(accountant_).operator(), operatorSignature);',
        replace: 'operatorSignature;\n        accountant_;',
      },
    ],
    caughtBy: 'ExitTest.test_a_fast_exit_needs_both_signatures',
  },
  {
    name: 'payout-by-anybody',
    mistake: 'anybody pays out',
    edits: [
      { file: settlements, find: 'if (msg.sender != _state.operator) revert NotOperator(msg.sender);', replace: '' },
    ],
    caughtBy: 'PayoutTest.test_refuses_a_payout_of_anybody_but_the_operator',
  },
  {
    name: 'unwished-payout',
    mistake: 'who did not wish it is paid out too',
    edits: [
      {
        file: settlements,
        find: 'if (_accounts[identity].wishes & scheduledPayouts == 0) revert NoPayoutsWished(identity);',
        replace: '',
      },
    ],
    caughtBy: 'PayoutTest.test_skips_a_provider_who_did_not_wish_it_or_no_longer_does',
  },
  {
    name: 'payout-of-guarantees',
    mistake: 'a payout takes what guarantees lack',
    edits: [{ file: books, find: 'uint256 spare = _spare(balance);', replace: 'uint256 spare = _free(balance);' }],
    caughtBy: 'PayoutTest.test_leaves_what_guarantees_lack_although_it_is_free',
  },
  {
    name: 'no-free-hours',
    mistake: 'a punishment moves money from its first hour on',
    edits: [
      {
        file: books,
        find: 'uint256 private constant freeTime = 6 hours;',
        replace: 'uint256 private constant freeTime = 0;',
      },
    ],
    caughtBy: 'PunishmentMovesTest.test_six_hours_are_free',
  },
  {
    name: 'hours-moved-twice',
    mistake: 'the hours that were moved are forgotten',
    edits: [{ file: books, find: '_stakes.movedUntil = uint40(movedUntil + due * 1 hours);', replace: '' }],
    caughtBy: 'PunishmentMovesTest.test_each_hour_moves_once',
  },
  {
    name: 'no-patience',
    mistake: 'whoever is short draws at once',
    edits: [
      {
        file: books,
        find: 'uint256 private constant patience = 3 days;',
        replace: 'uint256 private constant patience = 0;',
      },
    ],
    caughtBy: 'DrawsTest.test_draws_after_three_days_of_shortage_and_no_second_before',
  },
  {
    name: 'endless-draws',
    mistake: 'what was drawn is forgotten, and drawn again',
    edits: [
      {
        file: books,
        find: '_min(rest - paid, _less(lack, _drawnOf(deposit)))',
        replace: '_min(rest - paid, lack)',
      },
    ],
    caughtBy: 'DrawsTest.test_draws_no_more_than_the_guarantee_lacks',
  },
  {
    name: 'rotation-without-notice',
    mistake: 'the announced operator begins at once',
    edits: [{ file: rotation, find: '_requireDue(_nextOperatorAt);', replace: '' }],
    caughtBy: 'AnnouncingRotationTest.test_refuses_to_rotate_unannounced_cancelled_or_before_the_notice',
  },
  {
    name: 'key-used-before',
    mistake: 'a replaced key, perhaps stolen, becomes operator again',
    edits: [
      {
        file: rotation,
        find: 'if (newOperator == _state.operator || replacedIn[newOperator] != 0) revert OperatorUsedBefore(newOperator);',
        replace: '',
      },
    ],
    caughtBy: 'AnnouncingRotationTest.test_refuses_nobody_and_keys_that_were_operator_before',
  },
  {
    name: 'later-guarantee',
    mistake: 'the guarantee at the rotation is not written down: a later one pays old promises',
    edits: [
      {
        file: rotation,
        find: 'if (!limit.known) (limit.guarantee, limit.known) = (uint120(guarantee), true);',
        replace: 'guarantee;\n        limit;',
      },
    ],
    caughtBy: 'ReplacedKeysTest.test_a_later_guarantee_is_not_for_it',
  },
  {
    name: 'old-key-into-stake',
    mistake: 'a promise of a replaced key becomes stake, paid from free funds',
    edits: [{ file: settlements, find: 'if (rotation != 0) revert ReplacedKeyIntoStake(rotation);', replace: '' }],
    caughtBy: 'ReplacedKeysTest.test_a_promise_of_a_replaced_key_never_becomes_stake',
  },
  {
    name: 'stake-when-closed',
    mistake: 'a closed accountant takes stakes',
    edits: [{ file: books, find: 'require(!_state.closed, AccountantClosed());', replace: '' }],
    caughtBy: 'ClosingTest.test_takes_no_new_stakes',
  },
  {
    name: 'permit-once-only',
    mistake: 'a permit that somebody else has sent makes the stake fail',
    edits: [
      {
        file: stakes,
        find: 'try IERC20Permit(address(_token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}',
        replace: 'IERC20Permit(address(_token)).permit(msg.sender, address(this), amount, deadline, v, r, s);',
      },
    ],
    caughtBy: 'PermitTest.test_a_permit_that_somebody_else_sent_before_still_counts',
  },
  {
    name: 'early-decrease',
    mistake: 'a stake is taken back without the delay',
    edits: [{ file: stakes, find: '_requireDue(pending.dueAt);', replace: '' }],
    caughtBy: 'StakesTest.test_refuses_a_second_decrease_an_early_end_and_a_replay',
  },
  {
    name: 'starved-batch',
    mistake: 'a sender starves an item of gas and has it skipped',
    edits: [
      {
        file: 'lib/Attempt.sol',
        find: 'if (gasleft() < gasFloor) revert BatchOutOfGas(item, gasleft());',
        replace: 'item;',
      },
    ],
    caughtBy: 'BatchTest.test_refuses_to_try_an_item_with_less_gas_than_the_floor',
  },
  {
    name: 'item-from-outside',
    mistake: 'anybody calls an item, and says himself who sends it and how much there is',
    edits: [
      {
        file: settlements,
        find: 'if (msg.sender != address(this)) revert NotSelf(msg.sender);\n        _requireMaySettle(',
        replace: '_requireMaySettle(',
      },
    ],
    caughtBy: 'StrangeTokensTest.test_no_item_is_called_from_outside_while_a_batch_is_under_way',
  },
  {
    name: 'balance-of-the-first-item',
    mistake: 'every item of a batch is paid from what there was before the first',
    edits: [
      {
        file: settlements,
        find: 'if (done) balance -= uint256(answer);\n            else emit SettlementSkipped',
        replace: 'if (!done) emit SettlementSkipped',
      },
    ],
    caughtBy: 'BatchTest.test_each_item_has_what_those_before_it_left',
  },
  {
    name: 'claim-on-nobody',
    mistake: 'a call to a channel that is not deployed counts as done',
    edits: [
      {
        file: 'Accountant.sol',
        find: 'if (done && claim.channel.code.length != 0) continue;',
        replace: 'if (done) continue;',
      },
    ],
    caughtBy: 'BatchTest.test_collects_and_skips_what_fails',
  },
  {
    name: 'own-token-recovered',
    mistake: 'a second door to the token lets the identity empty its channel',
    edits: [
      {
        file: channel,
        find: 'if (balance != before) revert RecoveryMovedOwnToken(before, balance);',
        replace: 'before;\n        balance;',
      },
    ],
    caughtBy: 'ChannelMoneyTest.test_refuses_to_recover_its_own_token_by_a_second_door',
  },
  {
    name: 'small-settlement',
    mistake: 'a small settlement begins the clock of a short provider anew',
    edits: [
      {
        file: books,
        find: '} else if (account.settled >= short.upTo || short.rotation != _state.rotations) {',
        replace: '} else {',
      },
    ],
    caughtBy: 'DrawsTest.test_a_small_settlement_does_not_reset_the_clock_of_a_short_provider',
  },
  {
    name: 'hidden-shortage',
    mistake: 'who is short of a small promise cannot report a large one',
    edits: [{ file: books, find: '_isNews(_shortages[identity], amount)', replace: 'account.shortSince == 0' }],
    caughtBy: 'DrawsTest.test_who_is_short_reports_a_higher_promise_and_no_small_settlement_resets_the_clock',
  },
  {
    name: 'emptied-reserve',
    mistake: 'a small stake is refilled from the reserve again and again',
    edits: [
      { file: books, find: '_less(account.lack - fromFree, _drawnOf(deposit))', replace: 'account.lack - fromFree' },
    ],
    caughtBy: 'DrawsTest.test_a_provider_of_the_operators_own_does_not_empty_the_reserve',
  },
  {
    name: 'standing-rotation',
    mistake: 'a rotation that was announced long ago comes without notice',
    edits: [
      {
        file: rotation,
        find: 'if (block.timestamp > until) revert RotationExpired(until, block.timestamp);',
        replace: '',
      },
    ],
    caughtBy: 'AnnouncingRotationTest.test_refuses_to_rotate_long_after_the_notice',
  },
  {
    name: 'borrowed-end',
    mistake: 'a punishment that was ended by a loan begins with six free hours again',
    edits: [
      {
        file: books,
        find: 'endedAt != 0 && block.timestamp < endedAt + memoryTime',
        replace: 'false',
      },
    ],
    caughtBy: 'PunishmentMovesTest.test_a_loan_of_one_transaction_puts_nothing_off',
  },
  {
    name: 'borrowed-release',
    mistake: 'what backs guarantees is released while one lacks',
    edits: [
      { file: books, find: '_state.punishedSince != 0 || _sums.missing != 0) return;', replace: 'false) return;' },
    ],
    caughtBy: 'ClosingTest.test_a_loan_frees_nothing_of_what_backs_a_guarantee',
  },
  {
    name: 'lost-announcement',
    mistake: 'a withdrawal that could pay one base unit only is gone',
    edits: [
      {
        file: treasury,
        find: 'if (amount == pending.amount) delete _withdrawal;\n        else _withdrawal.amount = pending.amount - amount;',
        replace: 'delete _withdrawal;',
      },
    ],
    caughtBy: 'TreasuryTest.test_what_could_not_be_paid_stays_announced',
  },
  {
    name: 'own-beneficiary',
    mistake: 'what is settled to the accountant itself counts as gone, and stays',
    edits: [{ file: funds, find: 'if (beneficiary == address(this)) return identity;', replace: '' }],
    caughtBy: 'BatchTest.test_what_would_stay_with_the_accountant_goes_to_the_identity',
  },
  {
    name: 'unpayable',
    mistake: 'nobody is reported short, cannot be paid, and nothing ends the punishment',
    edits: [{ file: settlements, find: 'if (identity == address(0)) revert BeneficiaryZero();', replace: '' }],
    caughtBy: 'StrangeTokensTest.test_who_is_short_cannot_stay_so_by_naming_a_beneficiary_that_takes_nothing',
  },
  {
    name: 'stake-for-a-moment',
    mistake: 'a stake that is laid down in a punishment takes the reserve',
    edits: [{ file: books, find: 'deposit = _noteDrawn(deposit, amount);', replace: '' }],
    caughtBy: 'DrawsTest.test_a_stake_for_a_moment_does_not_empty_the_reserve',
  },
  {
    name: 'drawn-for-ever',
    mistake: 'who was helped once is never helped again',
    edits: [
      {
        file: books,
        find: 'block.timestamp < deposit.drawnAt + drawTime ? deposit.drawn : 0',
        replace: 'deposit.drawn',
      },
    ],
    caughtBy: 'DrawsTest.test_thirty_days_after_a_draw_there_may_be_another',
  },
  {
    name: 'taken-back-and-still-new',
    mistake: 'a new stake that was taken back leaves the old one without a right',
    edits: [{ file: books, find: 'uint96(_less(deposit.drawn, amount))', replace: 'deposit.drawn' }],
    caughtBy: 'DrawsTest.test_a_stake_that_was_taken_back_takes_no_right_with_it',
  },
  {
    name: 'renewed-by-a-stranger',
    mistake: 'a base unit that anybody stakes for a provider makes all of its stake a new one',
    edits: [
      {
        file: books,
        find: '(before * deposit.drawnAt + drawn * block.timestamp) / (before + drawn)',
        replace: 'block.timestamp',
      },
    ],
    caughtBy: 'DrawsTest.test_a_stranger_renews_nothing',
  },
  {
    name: 'borrowed-refill',
    mistake: 'what free funds refill counts as never drawn: a loan empties the backing',
    edits: [
      {
        file: books,
        find: 'if (lack != before) {',
        replace:
          'if (lack < before) deposit.drawn = _to96(_less(deposit.drawn, before - lack));\n        if (lack != before) {',
      },
    ],
    caughtBy: 'DrawsTest.test_a_loan_does_not_empty_what_backs_the_others',
  },
]
