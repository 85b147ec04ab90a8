// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {ICollection} from "../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice What an operator pays for guarantees it does not keep: payments.md §8, W20, W34, C8.
abstract contract PunishmentWorld is World {
    uint256 internal constant hourlyPerStake = 2500; // 0.04 %

    function setUp() public virtual override {
        super.setUp();
        fund(address(accountant), 10 ether);
    }

    /// @dev A stake that has been there for so long that others' money may stand in for its guarantee.
    function stakeLongAgo(address provider, uint256 amount) internal {
        stakeFor(provider, amount);
        pass(30 days);
    }

    /// @dev All free funds are Bob's guarantee, and he takes part of it: so it lacks `missing`, and nobody is short.
    function lackOfBob(uint256 missing) internal {
        stakeLongAgo(bob, 10 ether);
        settleBob(missing);
    }

    /// @dev Bob has taken his whole guarantee and is owed 5 more.
    function shortBob() internal {
        stakeLongAgo(bob, 10 ether);
        settleBob(15 ether);
        equal(balanceOf(bob), 10 ether, "his guarantee");
    }

    function stepHours(uint256 count) internal {
        pass(count * 1 hours);
    }

    function punished() internal view returns (bool) {
        return accountant.punishedSince() != 0;
    }
}

/// @notice How it starts, and how it ends.
contract PunishmentBeginsAndEndsTest is PunishmentWorld {
    function test_starts_by_a_settlement_that_leaves_guarantees_uncovered() public {
        stakeFor(bob, 10 ether);
        bytes memory signature = promiseOf(4 ether);
        vm.expectEmit(address(accountant));
        emit IBooks.PunishmentStarted(4 ether, 0);
        vm.prank(bob);
        accountant.settle(bob, 4 ether, preimage, signature);
        equal(accountant.punishedSince(), block.timestamp, "since now");
        equal(accountant.shortProviders(), 0, "although nobody is short");
    }

    function test_starts_by_a_settlement_that_pays_less_than_it_should() public {
        settleFor(dave, carolKey, 11 ether);
        holds(punished(), "punished");
        equal(accountant.providerOf(dave).shortSince, block.timestamp, "Dave is short");
    }

    function test_does_not_start_as_long_as_free_funds_cover_what_guarantees_lack() public {
        stakeFor(bob, 5 ether);
        settleBob(5 ether);
        holds(!punished(), "what was free paid");
        settleBob(5 ether + 1);
        holds(punished(), "one base unit of the guarantee");
    }

    function test_nothing_else_starts_it() public {
        stakeFor(bob, 5 ether);
        stakeFor(dave, 5 ether);
        openAlice(5 ether);
        collectFromAlice(1 ether);
        wish(bobKey, true, true);
        payout(bob, 1 ether);
        announceWithdrawal(type(uint256).max);
        announceDecrease(bobKey, 5 ether);
        pass(exitDelay);
        accountant.finalizeStakeDecrease(bob);
        withdraw();
        accountant.updatePunishment();
        rotateTo(newKey);
        close();
        holds(!punished(), "no");
        equal(guaranteeOf(dave), 5 ether, "and Dave's guarantee is whole");
    }

    function test_the_start_is_not_moved_by_what_comes_later() public {
        lackOfBob(4 ether);
        uint256 since = accountant.punishedSince();
        stepHours(3);
        settleBob(6 ether);
        equal(accountant.punishedSince(), since, "since");
    }

    function test_ends_when_collected_money_arrives() public {
        lackOfBob(4 ether);
        openAlice(9 ether);
        collectFromAlice(4 ether - 1);
        holds(punished(), "one base unit is lacking");
        vm.expectEmit(address(accountant));
        emit IBooks.PunishmentEnded();
        collectFromAlice(4 ether);
        holds(!punished(), "over");
    }

    function test_ends_when_a_guarantee_is_refilled() public {
        lackOfBob(4 ether);
        fund(address(accountant), 4 ether - 1);
        vm.prank(mallory);
        accountant.rebalance(bob);
        holds(punished(), "one base unit is lacking");
        fund(address(accountant), 1);
        accountant.rebalance(bob);
        holds(!punished(), "over");
        equal(guaranteeOf(bob), 10 ether, "guarantee");
    }

    function test_ends_by_anybodys_word_after_a_plain_transfer() public {
        lackOfBob(4 ether);
        fund(address(accountant), 4 ether);
        holds(punished(), "nobody has looked yet");
        vm.prank(mallory);
        accountant.updatePunishment();
        holds(!punished(), "over");
    }

    function test_ends_by_the_settlement_that_pays_the_last_who_was_short() public {
        shortBob();
        fund(address(accountant), 15 ether);
        accountant.updatePunishment();
        accountant.rebalance(bob);
        holds(punished(), "Bob is still owed");
        settleBob(15 ether);
        holds(!punished(), "over");
        equal(accountant.providerOf(bob).shortSince, 0, "nobody is short");
    }

    function test_ends_when_the_stake_that_lacked_its_guarantee_is_taken_back() public {
        lackOfBob(10 ether);
        takeStakeBack(bobKey, 10 ether);
        holds(!punished(), "over");
        equal(balanceOf(bob), 20 ether, "settlement and stake");
    }

    function test_an_update_without_a_punishment_changes_nothing() public {
        stepHours(1000);
        accountant.updatePunishment();
        equal(accountant.operatorStake(), carolsStake, "stake");
        equal(accountant.reserve(), 0, "reserve");
    }

    // What it stops

    function test_no_withdrawal_no_stake_no_payout_meanwhile_whatever_money_is_there() public {
        stakeFor(bob, 10 ether);
        pass(30 days);
        announceWithdrawal(1 ether);
        pass(exitDelay);
        settleBob(4 ether);
        uint256 since = accountant.punishedSince();
        wish(daveKey, false, true);
        fund(address(accountant), 1000 ether);
        refuseWithdraw(err(IBooks.InPunishment.selector, since));
        fund(dave, 1 ether);
        vm.prank(dave);
        token.approve(address(accountant), 1 ether);
        vm.prank(dave);
        vm.expectRevert(err(IBooks.InPunishment.selector, since));
        accountant.increaseStake(dave, 1 ether);
        ISettlements.SettleOrder memory o = order(7 ether, address(0), 0);
        o.into = 1;
        refuseOrder(tom, o, err(IBooks.InPunishment.selector, since));
        payout(dave, 1 ether);
        equal(balanceOf(dave), 1 ether, "only what he had");
        accountant.updatePunishment();
        withdraw();
        equal(balanceOf(treasury), 1 ether, "afterwards");
    }

    function test_settlements_and_stake_returns_go_on() public {
        shortBob();
        takeStakeBack(bobKey, 10 ether);
        equal(balanceOf(bob), 20 ether, "stake");
        fund(address(accountant), 3 ether);
        settleBob(15 ether);
        equal(balanceOf(bob), 23 ether, "and what there is");
    }

    // Reports

    function test_refuses_a_report_of_what_can_be_paid_is_known_or_was_not_promised() public {
        stakeFor(bob, 6 ether);
        bytes memory signature = promiseOf(10 ether);
        vm.expectRevert(err(IBooks.NotShort.selector, 10 ether, 10 ether));
        accountant.reportShortage(bob, 10 ether, preimage, signature);
        signature = promiseBy(bobKey, bob, 11 ether);
        vm.expectRevert(err(ISigned.WrongSigner.selector, carol, bob));
        accountant.reportShortage(bob, 11 ether, preimage, signature);
        signature = promiseOf(11 ether);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        accountant.reportShortage(bob, 11 ether, preimage2, signature);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        accountant.reportShortage(dave, 11 ether, preimage, signature);
        holds(!punished(), "nothing happened");
        accountant.reportShortage(bob, 11 ether, preimage, signature);
        vm.expectRevert(err(IBooks.NotShort.selector, 11 ether, 10 ether));
        accountant.reportShortage(bob, 11 ether, preimage, signature);
    }

    function test_refuses_a_report_of_a_promise_that_was_paid() public {
        settleBob(10 ether);
        bytes memory signature = promiseOf(10 ether);
        vm.expectRevert(err(IBooks.PromiseNotIncreasing.selector, 10 ether, 10 ether));
        accountant.reportShortage(bob, 10 ether, preimage, signature);
    }

    function test_refuses_a_report_of_a_replaced_keys_promise() public {
        rotateTo(newKey);
        bytes memory signature = promiseOf(11 ether);
        vm.expectRevert(err(ISigned.WrongSigner.selector, vm.addr(newKey), carol));
        accountant.reportShortage(bob, 11 ether, preimage, signature);
    }

    function test_anybody_reports_what_a_settlement_would_not_move() public {
        settleBob(10 ether);
        refuseSettling(bob, carolKey, 12 ether, err(IBooks.NothingToPay.selector));
        bytes memory signature = promiseOf(12 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.ShortageReported(bob, 12 ether, preimage);
        vm.expectEmit(address(accountant));
        emit IBooks.SettlementShort(bob, 2 ether, 0);
        vm.prank(mallory);
        accountant.reportShortage(bob, 12 ether, preimage, signature);
        holds(punished(), "punished");
        equal(accountant.providerOf(bob).shortSince, block.timestamp, "short");
        equal(accountant.providerOf(bob).settled, 10 ether, "and nothing was paid");
    }
}

/// @notice What moves from the operator's stake, and when.
contract PunishmentMovesTest is PunishmentWorld {
    function test_six_hours_are_free() public {
        lackOfBob(4 ether);
        pass(7 hours - 1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 0, "nothing yet");
        pass(1);
        vm.expectEmit(address(accountant));
        emit IBooks.OperatorPunished(10 ether / hourlyPerStake, 1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 10 ether / hourlyPerStake, "reserve");
        equal(accountant.operatorStake(), carolsStake - 10 ether / hourlyPerStake, "operator's stake");
    }

    function test_each_hour_moves_once() public {
        lackOfBob(4 ether);
        stepHours(10);
        accountant.updatePunishment();
        accountant.updatePunishment();
        pass(1 hours - 1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 4 * 10 ether / hourlyPerStake, "four hours");
    }

    /// @notice However often it is looked at, the same is moved; roundings down make it less by a unit a step at most.
    function test_computed_at_once_and_in_steps_comes_to_the_same(uint256 seed, uint256 stake) public {
        stake = within(stake, 1 ether, 9 ether);
        stakeFor(bob, stake);
        settleBob(10 ether - stake + 1);
        uint256 clean = vm.snapshotState();
        uint256 total;
        uint256 steps = within(seed, 1, 12);
        for (uint256 i = 0; i < steps; ++i) {
            uint256 time = within(uint256(keccak256(abi.encode(seed, i))), 1, 40 hours);
            pass(time);
            total += time;
            accountant.updatePunishment();
        }
        uint256 inSteps = accountant.reserve();
        vm.revertToState(clean);
        pass(total);
        accountant.updatePunishment();
        uint256 count = total / 1 hours;
        equal(accountant.reserve(), count > 6 ? (count - 6) * stake * 4 / 10_000 : 0, "0.04 % of all stakes an hour");
        holds(inSteps <= accountant.reserve() && inSteps + steps > accountant.reserve(), "the same");
    }

    function test_moves_no_more_than_the_operator_has() public {
        fund(address(accountant), 5_000_000 ether);
        stakeFor(bob, 1_000_000 ether);
        stakeFor(dave, 1_000_000 ether);
        settleBob(3_010_000 ether + 1);
        stepHours(6 + 1);
        accountant.updatePunishment();
        equal(accountant.operatorStake(), 0, "0.04 % of two million is more");
        equal(accountant.reserve(), carolsStake, "all of it");
        stepHours(100);
        accountant.updatePunishment();
        equal(accountant.reserve(), carolsStake, "and no more");
    }

    function test_counts_with_the_stakes_of_each_hour() public {
        fund(address(accountant), 10 ether);
        stakeFor(dave, 10 ether);
        lackOfBob(4 ether);
        announceDecrease(daveKey, 10 ether);
        pass(exitDelay);
        accountant.finalizeStakeDecrease(dave);
        // Dave's guarantee became free: so it covers what Bob's lacks, and it is over after 96 hours.
        equal(accountant.reserve(), 90 * 20 ether / hourlyPerStake, "90 hours of both stakes");
        holds(!punished(), "over");
    }

    function test_a_second_punishment_has_six_free_hours_again_and_keeps_the_reserve() public {
        lackOfBob(4 ether);
        stepHours(8);
        fund(address(accountant), 4 ether);
        accountant.rebalance(bob);
        uint256 kept = accountant.reserve();
        equal(kept, 2 * 10 ether / hourlyPerStake, "two hours");
        holds(!punished(), "over");
        stepHours(500);
        settleBob(5 ether);
        stepHours(6);
        accountant.updatePunishment();
        equal(accountant.reserve(), kept, "free hours");
        stepHours(1);
        accountant.updatePunishment();
        equal(accountant.reserve(), kept + 10 ether / hourlyPerStake, "the seventh");
    }

    /// @notice Who borrows money for one transaction ends a punishment and takes it out again: the hours go on.
    function test_a_loan_of_one_transaction_puts_nothing_off() public {
        lackOfBob(4 ether);
        for (uint256 i = 1; i <= 20; ++i) {
            pass(59 minutes);
            fund(address(accountant), 4 ether);
            accountant.updatePunishment();
            holds(!punished(), "over");
            settleFor(dave, carolKey, i * 4 ether);
            holds(punished(), "and begun again");
        }
        equal(accountant.reserve(), 13 * 10 ether / hourlyPerStake, "19 hours and 40 minutes");
    }

    function test_goes_on_without_the_time_in_between() public {
        lackOfBob(4 ether);
        pass(8.5 hours);
        fund(address(accountant), 4 ether);
        accountant.rebalance(bob);
        pass(7 days - 1);
        settleBob(5 ether);
        pass(0.5 hours - 1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 2 * 10 ether / hourlyPerStake, "the first two hours");
        pass(1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 3 * 10 ether / hourlyPerStake, "the third is full");
    }

    function test_free_hours_that_are_left_are_left() public {
        lackOfBob(4 ether);
        stepHours(2);
        fund(address(accountant), 4 ether);
        accountant.rebalance(bob);
        stepHours(24);
        settleBob(5 ether);
        pass(5 hours - 1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 0, "four more");
        pass(1);
        accountant.updatePunishment();
        equal(accountant.reserve(), 10 ether / hourlyPerStake, "the seventh in all");
    }

    /// @notice New money at the operator's stake pays for the hours from now on, looked at in between or not.
    function test_new_operator_stake_is_not_charged_for_the_hours_before_it() public {
        fund(address(accountant), 5_000_000 ether);
        stakeFor(bob, 2_000_000 ether);
        settleBob(3_010_000 ether + 1);
        stepHours(6 + 10);
        fund(tom, 9000 ether);
        vm.startPrank(tom);
        token.approve(address(accountant), 9000 ether);
        accountant.increaseOperatorStake(9000 ether);
        vm.stopPrank();
        accountant.updatePunishment();
        equal(accountant.operatorStake(), 9000 ether, "the new money");
        equal(accountant.reserve(), carolsStake, "what was there before");
    }

    // The reserve

    function test_the_reserve_is_not_free() public {
        lackOfBob(4 ether);
        stepHours(106);
        accountant.updatePunishment();
        holds(accountant.reserve() != 0, "a reserve");
        equal(accountant.freeFunds(), 0, "free");
        refuseSettling(dave, carolKey, 1 ether, err(IBooks.NothingToPay.selector));
    }

    function test_the_reserve_refills_guarantees_and_nothing_else() public {
        lackOfBob(4 ether);
        stepHours(106);
        vm.prank(mallory);
        accountant.rebalance(bob);
        uint256 moved = 100 * 10 ether / hourlyPerStake;
        equal(accountant.reserve(), 0, "used");
        equal(guaranteeOf(bob), 6 ether + moved, "Bob's guarantee");
        equal(accountant.operatorStake(), carolsStake - moved, "operator's stake");
        equal(balanceOf(address(accountant)), carolsStake + 10 ether + 6 ether, "nothing left");
    }

    function test_free_funds_refill_before_the_reserve_does() public {
        lackOfBob(4 ether);
        stepHours(106);
        accountant.updatePunishment();
        uint256 kept = accountant.reserve();
        fund(address(accountant), 4 ether);
        accountant.rebalance(bob);
        equal(accountant.reserve(), kept, "reserve");
        equal(guaranteeOf(bob), 10 ether, "guarantee");
    }

    function test_the_owner_never_withdraws_the_reserve_of_an_open_accountant() public {
        lackOfBob(4 ether);
        stepHours(106);
        fund(address(accountant), 5 ether);
        accountant.rebalance(bob);
        announceWithdrawal(type(uint256).max);
        pass(exitDelay);
        withdraw();
        equal(balanceOf(treasury), 1 ether, "what was free");
        equal(accountant.reserve() + accountant.operatorStake(), carolsStake, "what backs guarantees");
    }
}

/// @notice What backs the guarantees pays whoever is short for three days.
contract DrawsTest is PunishmentWorld {
    function test_draws_after_three_days_of_shortage_and_no_second_before() public {
        shortBob();
        pass(3 days - 1);
        refuseSettling(bob, carolKey, 15 ether, err(IBooks.NothingToPay.selector));
        pass(1);
        settleBob(15 ether);
        equal(balanceOf(bob), 15 ether, "paid");
        equal(accountant.providerOf(bob).shortSince, 0, "no longer short");
        equal(accountant.providerOf(bob).drawn, 5 ether, "drawn");
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake - 5 ether, "by Carol");
        holds(punished(), "and the guarantee still lacks");
    }

    /// @notice Who was short when a rotation was announced draws before it: the notice is longer than his patience.
    function test_a_rotation_comes_too_late_for_who_was_short_before() public {
        shortBob();
        announceRotation(newKey);
        pass(3 days);
        settleBob(15 ether);
        equal(balanceOf(bob), 15 ether, "paid");
        pass(rotationNotice - 3 days);
        accountant.rotate();
        equal(accountant.shortProviders(), 0, "nobody is short");
    }

    function test_says_when_a_shortage_ends() public {
        shortBob();
        fund(address(accountant), 5 ether);
        bytes memory signature = promiseOf(15 ether);
        vm.expectEmit(address(accountant));
        emit IBooks.ShortageEnded(bob);
        vm.prank(bob);
        accountant.settle(bob, 15 ether, preimage, signature);
    }

    function test_draws_on_the_reserve_first() public {
        shortBob();
        pass(3 days);
        uint256 moved = 66 * 10 ether / hourlyPerStake;
        bytes memory signature = promiseOf(15 ether);
        vm.expectEmit(address(accountant));
        emit IBooks.BackingDrawn(bob, moved, 5 ether - moved);
        vm.prank(bob);
        accountant.settle(bob, 15 ether, preimage, signature);
        equal(accountant.reserve(), 0, "reserve");
        equal(accountant.operatorStake(), carolsStake - 5 ether, "operator's stake");
    }

    function test_draws_no_more_than_the_guarantee_lacks() public {
        stakeLongAgo(bob, 10 ether);
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        equal(balanceOf(bob), 20 ether, "his guarantee, and once more in its place");
        pass(3 days);
        refuseSettling(bob, carolKey, 100 ether, err(IBooks.NothingToPay.selector));
    }

    function test_draws_no_more_than_there_is() public {
        fund(address(accountant), 500 ether);
        stakeLongAgo(bob, 500 ether);
        settleBob(1000 ether);
        pass(3 days);
        settleBob(2000 ether);
        equal(balanceOf(bob), 510 ether + carolsStake, "all of Carol's stake");
        equal(accountant.operatorStake() + accountant.reserve(), 0, "nothing backs any more");
    }

    function test_draws_nothing_for_a_provider_without_stake() public {
        settleFor(dave, carolKey, 15 ether);
        pass(30 days);
        refuseSettling(dave, carolKey, 15 ether, err(IBooks.NothingToPay.selector));
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake, "Carol's");
    }

    function test_ones_shortage_opens_nothing_for_another() public {
        fund(address(accountant), 10 ether);
        stakeLongAgo(dave, 10 ether);
        shortBob();
        pass(30 days);
        settleFor(dave, carolKey, 15 ether);
        equal(balanceOf(dave), 10 ether, "his guarantee only: his own three days begin now");
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake, "Carol's");
    }

    function test_what_the_reserve_refilled_is_not_drawn_again() public {
        shortBob();
        pass(3 days);
        settleBob(15 ether);
        stepHours(24);
        accountant.rebalance(bob);
        holds(guaranteeOf(bob) != 0, "the reserve refilled some");
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        uint256 all = balanceOf(bob);
        equal(all, 20 ether, "the guarantee, and its place once, whether by refill or by draw");
        equal(accountant.providerOf(bob).drawn, 10 ether, "no more than the stake was drawn");
    }

    /// @notice A small stake, refilled and paid in turn, takes from the reserve what it was worth once.
    function test_a_provider_of_the_operators_own_does_not_empty_the_reserve() public {
        fund(address(accountant), 1 ether);
        stakeLongAgo(dave, 1 ether);
        lackOfBob(9 ether);
        stepHours(6 + 1000);
        accountant.updatePunishment();
        uint256 reserved = accountant.reserve();
        settleFor(dave, carolKey, 100 ether);
        accountant.rebalance(dave);
        settleFor(dave, carolKey, 100 ether);
        vm.expectRevert(err(IBooks.NothingToRebalance.selector));
        accountant.rebalance(dave);
        equal(accountant.reserve(), reserved - 1 ether, "the rest stays");
        equal(balanceOf(dave), 2 ether, "his guarantee twice");
    }

    /// @notice Nor does money that is there for a moment: it refills the guarantee, and is paid out again.
    function test_a_loan_does_not_empty_what_backs_the_others() public {
        fund(address(accountant), 1 ether);
        stakeLongAgo(dave, 1 ether);
        stakeLongAgo(bob, 10 ether);
        settleFor(dave, carolKey, 1000 ether);
        settleBob(20 ether);
        pass(3 days);
        settleFor(dave, carolKey, 1000 ether);
        equal(balanceOf(dave), 2 ether, "his guarantee, and once in its place");
        fund(address(accountant), 1 ether);
        accountant.rebalance(dave);
        settleFor(dave, carolKey, 1000 ether);
        refuseSettling(dave, carolKey, 1000 ether, err(IBooks.NothingToPay.selector));
        equal(balanceOf(dave), 3 ether, "the loan, and nothing with it");
        settleBob(20 ether);
        equal(balanceOf(bob), 20 ether, "Bob is paid");
    }

    function test_a_loan_does_not_empty_the_reserve() public {
        fund(address(accountant), 1 ether);
        stakeLongAgo(dave, 1 ether);
        lackOfBob(9 ether);
        stepHours(6 + 1000);
        settleFor(dave, carolKey, 1 ether);
        accountant.rebalance(dave);
        settleFor(dave, carolKey, 2 ether);
        uint256 reserved = accountant.reserve();
        fund(address(accountant), 1 ether);
        accountant.rebalance(dave);
        settleFor(dave, carolKey, 3 ether);
        vm.expectRevert(err(IBooks.NothingToRebalance.selector));
        accountant.rebalance(dave);
        equal(accountant.reserve(), reserved, "the reserve stays");
    }

    /// @notice Nor a stake that is laid down while the punishment is over for a moment.
    function test_a_stake_for_a_moment_does_not_empty_the_reserve() public {
        lackOfBob(9 ether);
        stepHours(6 + 1000);
        fund(address(accountant), 13 ether);
        accountant.updatePunishment();
        uint256 reserved = accountant.reserve();
        stakeFor(dave, 4 ether);
        settleFor(dave, carolKey, 13 ether);
        holds(punished(), "the loan is gone again");
        vm.expectRevert(err(IBooks.NothingToRebalance.selector));
        accountant.rebalance(dave);
        accountant.rebalance(bob);
        equal(guaranteeOf(bob), 1 ether + reserved, "it refills who had staked before");
    }

    function test_a_new_stake_draws_nothing_for_thirty_days() public {
        stakeFor(bob, 10 ether);
        settleBob(100 ether);
        equal(balanceOf(bob), 10 ether, "his guarantee");
        pass(30 days - 1);
        refuseSettling(bob, carolKey, 100 ether, err(IBooks.NothingToPay.selector));
        pass(1);
        settleBob(100 ether);
        equal(balanceOf(bob), 20 ether, "and once more in its place");
    }

    function test_thirty_days_after_a_draw_there_may_be_another() public {
        stakeLongAgo(bob, 10 ether);
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        equal(accountant.providerOf(bob).drawn, 10 ether, "all of it");
        pass(30 days - 1);
        refuseSettling(bob, carolKey, 100 ether, err(IBooks.NothingToPay.selector));
        pass(1);
        equal(accountant.providerOf(bob).drawn, 0, "long ago");
        settleBob(100 ether);
        equal(balanceOf(bob), 30 ether, "ten more");
    }

    function test_a_stake_that_was_taken_back_takes_no_right_with_it() public {
        fund(address(accountant), 10 ether);
        stakeLongAgo(bob, 10 ether);
        stakeFor(bob, 10 ether);
        takeStakeBack(bobKey, 10 ether);
        equal(accountant.providerOf(bob).drawn, 0, "nothing new is left");
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        equal(
            balanceOf(bob),
            10 ether + 10 ether + 10 ether + 10 ether,
            "stake, free funds, guarantee, and once in its place"
        );
    }

    /// @notice Anybody may stake for Bob: a base unit of Mallory's puts nothing off.
    function test_a_stranger_renews_nothing() public {
        fund(address(accountant), 1 ether);
        stakeFor(bob, 10 ether);
        pass(29 days);
        fund(mallory, 1);
        vm.startPrank(mallory);
        token.approve(address(accountant), 1);
        accountant.increaseStake(bob, 1);
        vm.stopPrank();
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        equal(
            balanceOf(bob), 1 ether - 1 + 2 * (10 ether + 1), "what was free, his guarantee, and once more in its place"
        );
    }

    /// @notice Nor does the operator, with punishments that it begins and ends itself.
    function test_punishments_of_a_moment_put_nothing_off() public {
        stakeFor(bob, 10 ether);
        for (uint256 i = 0; i < 5; ++i) {
            uint256 amount = accountant.providerOf(dave).settled + 1 ether;
            reportShortage(dave, amount);
            holds(punished(), "begun");
            fund(address(accountant), 1 ether);
            settleFor(dave, carolKey, amount);
            holds(!punished(), "and ended");
            pass(6 days);
        }
        settleBob(100 ether);
        pass(3 days);
        settleBob(100 ether);
        equal(balanceOf(bob), 20 ether, "Bob draws all the same");
    }

    /// @notice C9: the operator cannot put off what a short provider waits for by paying it a little.
    function test_a_small_settlement_does_not_reset_the_clock_of_a_short_provider() public {
        shortBob();
        uint256 since = block.timestamp;
        pass(2 days);
        fund(address(accountant), 1);
        bytes memory small = promiseOf(10 ether + 1);
        vm.prank(carol);
        accountant.settle(bob, 10 ether + 1, preimage, small);
        equal(accountant.providerOf(bob).shortSince, since, "he is owed as before");
        pass(1 days);
        settleBob(15 ether);
        equal(balanceOf(bob), 15 ether, "three days after he was short first");
    }

    /// @notice Nor does a small settlement end the punishment while he is owed the rest.
    function test_a_small_settlement_does_not_end_the_punishment() public {
        settleFor(dave, carolKey, 15 ether);
        uint256 since = accountant.punishedSince();
        fund(address(accountant), 1);
        settleFor(dave, carolKey, 10 ether + 1);
        equal(accountant.punishedSince(), since, "punished as before");
    }

    /// @notice Nor is a large promise hidden behind a small one that is short: Bob reports it, and his clock goes on.
    function test_who_is_short_reports_a_higher_promise_and_no_small_settlement_resets_the_clock() public {
        stakeFor(bob, 10 ether);
        settleFor(bob, carolKey, 10 ether + 1);
        uint256 since = accountant.providerOf(bob).shortSince;
        holds(since != 0, "short of one wei");
        accountant.reportShortage(bob, 100 ether, preimage, promiseOf(100 ether));
        equal(accountant.providerOf(bob).shortSince, since, "the clock goes on");
        bytes memory again = promiseOf(100 ether);
        vm.expectRevert(err(IBooks.NotShort.selector, 90 ether, 0));
        accountant.reportShortage(bob, 100 ether, preimage, again);

        vm.warp(since + 3 days - 1);
        fund(address(accountant), 2);
        settleFor(bob, carolKey, 10 ether + 1);
        settleFor(bob, carolKey, 10 ether + 2);
        equal(accountant.providerOf(bob).shortSince, since, "and no small settlement stops it");
    }
}
