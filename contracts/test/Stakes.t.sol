// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {ICollection} from "../src/interfaces/accountant/ICollection.sol";
import {IStakes} from "../src/interfaces/accountant/IStakes.sol";
import {ITreasury} from "../src/interfaces/accountant/ITreasury.sol";
import {IAccountant, IFunds} from "../src/interfaces/IAccountant.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {TestMystToken} from "../src/TestMystToken.sol";
import {FeeToken} from "./support/Tokens.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Stakes and guarantees: C8, C9, W31, W34.
contract StakesTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
    }

    function decrease(uint256 amount) private pure returns (IStakes.StakeDecrease memory) {
        return IStakes.StakeDecrease(vm.addr(bobKey), amount, tom, 0.5 ether, 1, later);
    }

    function send(address sender, IStakes.StakeDecrease memory d) private {
        bytes memory signature = signDecrease(bobKey, address(accountant), d);
        vm.prank(sender);
        accountant.decreaseStake(d, signature);
    }

    function refuse(address sender, IStakes.StakeDecrease memory d, bytes memory reason) private {
        bytes memory signature = signDecrease(bobKey, address(accountant), d);
        vm.prank(sender);
        vm.expectRevert(reason);
        accountant.decreaseStake(d, signature);
    }

    function test_refuses_an_empty_stake_and_one_for_nobody() public {
        vm.expectRevert(err(IFunds.AmountZero.selector));
        accountant.increaseStake(bob, 0);
        vm.expectRevert(err(IFunds.BeneficiaryZero.selector));
        accountant.increaseStake(address(0), 1);
    }

    /// @notice W34: a stake above the free funds would start a punishment.
    function test_refuses_a_stake_that_free_funds_do_not_guarantee(uint256 amount) public {
        amount = within(amount, 10 ether + 1, type(uint128).max);
        fund(mallory, amount);
        vm.prank(mallory);
        token.approve(address(accountant), amount);
        vm.prank(mallory);
        vm.expectRevert(err(IBooks.GuaranteeUncovered.selector, 10 ether, amount));
        accountant.increaseStake(mallory, amount);
        equal(accountant.punishedSince(), 0, "nobody is punished");
    }

    /// @notice W34: nor may it use up what another's guarantee lacks.
    function test_refuses_a_stake_that_leaves_another_guarantee_uncovered() public {
        stakeBob(6 ether);
        // Bob's guarantee and all free funds but one are used up: 5 of 6 are lacking, nothing is free.
        settleBob(9 ether);
        equal(accountant.providerOf(bob).guarantee, 1 ether, "guarantee");
        fund(address(accountant), 7 ether);
        fund(mallory, 3 ether);
        vm.prank(mallory);
        token.approve(address(accountant), 3 ether);
        vm.prank(mallory);
        vm.expectPartialRevert(IBooks.InPunishment.selector);
        accountant.increaseStake(mallory, 3 ether);
        accountant.rebalance(bob);
        vm.prank(mallory);
        vm.expectRevert(err(IBooks.GuaranteeUncovered.selector, 2 ether, 3 ether));
        accountant.increaseStake(mallory, 3 ether);
        vm.prank(mallory);
        accountant.increaseStake(mallory, 2 ether);
    }

    function test_takes_stake_from_its_sender_and_guarantees_it_at_once() public {
        fund(tom, 4 ether);
        vm.prank(tom);
        token.approve(address(accountant), 4 ether);
        vm.expectEmit(address(accountant));
        emit IBooks.StakeIncreased(bob, 4 ether, 4 ether);
        vm.prank(tom);
        accountant.increaseStake(bob, 4 ether);
        IBooks.Provider memory p = accountant.providerOf(bob);
        equal(p.stake, 4 ether, "stake");
        equal(p.guarantee, 4 ether, "guarantee");
        equal(accountant.freeFunds(), 6 ether, "free");
        equal(balanceOf(tom), 0, "sender");
    }

    function test_refuses_a_token_that_takes_a_fee_on_the_way() public {
        FeeToken taking = new FeeToken();
        token = TestMystToken(address(taking));
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        taking.mint(address(this), 300);
        taking.approve(address(registry), 300);
        vm.expectRevert(err(IRegistry.TokenUnsupported.selector, 200, 198));
        registry.registerAccountant(carol, 200, 0, "");
        accountant = IAccountant(registry.registerAccountant(carol, 0, 0, ""));
        taking.mint(address(accountant), 1000);
        taking.approve(address(accountant), 300);
        vm.expectRevert(err(IFunds.TokenUnsupported.selector, 300, 297));
        accountant.increaseStake(bob, 300);
    }

    // Settling with a guarantee

    function test_a_settlement_is_paid_from_the_guarantee_and_refills_it() public {
        stakeBob(4 ether);
        settleBob(3 ether);
        equal(accountant.providerOf(bob).guarantee, 4 ether, "refilled");
        equal(accountant.freeFunds(), 3 ether, "free");
        settleBob(8 ether);
        equal(balanceOf(bob), 8 ether, "paid");
        equal(accountant.providerOf(bob).guarantee, 2 ether, "what was left");
        equal(accountant.freeFunds(), 0, "nothing is free");
        holds(accountant.punishedSince() != 0, "so Carol is punished");
    }

    /// @notice C9: whatever the others take, Bob's guarantee is his.
    function test_others_cannot_take_bobs_guarantee_or_stake() public {
        stakeBob(4 ether);
        bytes memory daves = promiseTo(dave, 1000 ether);
        vm.prank(carol);
        accountant.settle(dave, 1000 ether, preimage, daves);
        equal(balanceOf(dave), 6 ether, "only what was free");
        equal(accountant.providerOf(bob).guarantee, 4 ether, "guarantee");
        settleBob(4 ether);
        equal(balanceOf(bob), 4 ether, "Bob settles his guarantee");
        equal(balanceOf(address(accountant)), carolsStake + 4 ether, "his stake and Carol's stand");
    }

    function test_punishment_ends_when_money_arrives_and_nobody_is_short() public {
        stakeBob(4 ether);
        settleBob(11 ether);
        equal(balanceOf(bob), 10 ether, "all that was his or free");
        equal(accountant.punishedSince(), block.timestamp, "punished");
        fund(address(accountant), 6 ether);
        accountant.rebalance(bob);
        equal(accountant.providerOf(bob).guarantee, 4 ether, "guarantee");
        holds(accountant.punishedSince() != 0, "Bob is still short");
        settleBob(11 ether);
        equal(accountant.punishedSince(), 0, "over");
    }

    function test_refuses_to_rebalance_nothing() public {
        vm.expectRevert(err(IBooks.NothingToRebalance.selector));
        accountant.rebalance(bob);
        stakeBob(10 ether);
        settleBob(5 ether);
        vm.expectRevert(err(IBooks.NothingToRebalance.selector));
        accountant.rebalance(bob);
    }

    function test_collecting_refills_by_rebalance_and_ends_the_punishment() public {
        stakeBob(10 ether);
        settleBob(5 ether);
        holds(accountant.punishedSince() != 0, "punished");
        openAlice(10 ether);
        ICollection.Claim[] memory claims = new ICollection.Claim[](1);
        claims[0] = ICollection.Claim(address(channel), 5 ether, preimage, agreement, payment(5 ether));
        accountant.collect(claims);
        equal(accountant.punishedSince(), 0, "over");
        vm.prank(mallory);
        accountant.rebalance(bob);
        equal(accountant.providerOf(bob).guarantee, 10 ether, "refilled");
    }

    // Taking stake back

    function test_refuses_bad_stake_decreases() public {
        stakeBob(4 ether);
        refuse(tom, decrease(0), err(IFunds.AmountZero.selector));
        refuse(tom, decrease(4 ether + 1), err(IBooks.StakeTooLow.selector, 4 ether, 4 ether + 1));
        refuse(tom, decrease(0.4 ether), err(IStakes.FeeAboveAmount.selector, 0.4 ether, 0.5 ether));
        refuse(mallory, decrease(2 ether), err(ISigned.NotTransactor.selector, tom, mallory));
        IStakes.StakeDecrease memory d = decrease(2 ether);
        d.transactor = address(0);
        refuse(tom, d, err(ISigned.FeeWithoutTransactor.selector, 0.5 ether));
        d = decrease(2 ether);
        d.deadline = block.timestamp - 1;
        refuse(tom, d, err(ISigned.DeadlinePassed.selector, d.deadline, block.timestamp));
        bytes memory carols = signDecrease(carolKey, address(accountant), decrease(2 ether));
        vm.prank(tom);
        vm.expectRevert(err(ISigned.WrongSigner.selector, bob, carol));
        accountant.decreaseStake(decrease(2 ether), carols);
        vm.expectRevert(err(IStakes.DecreaseNotRequested.selector));
        accountant.finalizeStakeDecrease(bob);
    }

    function test_refuses_a_second_decrease_an_early_end_and_a_replay() public {
        stakeBob(4 ether);
        send(tom, decrease(2 ether));
        uint256 dueAt = block.timestamp + exitDelay;
        refuse(tom, decrease(2 ether), err(IStakes.DecreaseAlreadyRequested.selector, dueAt));
        vm.warp(dueAt - 1);
        vm.expectRevert(err(IFunds.TooEarly.selector, dueAt, dueAt - 1));
        accountant.finalizeStakeDecrease(bob);
        vm.warp(dueAt);
        accountant.finalizeStakeDecrease(bob);
        refuse(tom, decrease(2 ether), err(ISigned.NonceUsed.selector, bob, 1));
    }

    function test_pays_a_decrease_at_its_end_and_shrinks_the_guarantee_only_then() public {
        stakeBob(4 ether);
        send(tom, decrease(3 ether));
        equal(accountant.providerOf(bob).guarantee, 4 ether, "until then it stands");
        vm.warp(block.timestamp + exitDelay);
        vm.prank(mallory);
        accountant.finalizeStakeDecrease(bob);
        equal(balanceOf(bob), 2.5 ether, "Bob");
        equal(balanceOf(tom), 0.5 ether, "fee");
        equal(accountant.providerOf(bob).stake, 1 ether, "stake");
        equal(accountant.providerOf(bob).guarantee, 1 ether, "guarantee");
        equal(accountant.freeFunds(), 9 ether, "free again");
    }

    function test_a_decrease_is_paid_also_in_punishment() public {
        stakeBob(10 ether);
        settleBob(10 ether);
        holds(accountant.punishedSince() != 0, "punished");
        send(tom, decrease(10 ether));
        vm.warp(block.timestamp + exitDelay);
        accountant.finalizeStakeDecrease(bob);
        equal(balanceOf(bob), 19.5 ether, "settlement and stake");
        equal(accountant.punishedSince(), 0, "and nothing is lacking any more");
    }
}

/// @notice What the owner may do: W23, W24.
contract TreasuryTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
    }

    function test_only_the_owner_withdraws_and_sets_the_rate() public {
        bytes memory reason = err(ITreasury.NotOwner.selector, carol);
        vm.prank(carol);
        vm.expectRevert(reason);
        accountant.announceWithdrawal(1, carol);
        vm.prank(carol);
        vm.expectRevert(reason);
        accountant.cancelWithdrawal();
        vm.prank(carol);
        vm.expectRevert(reason);
        accountant.withdraw();
        vm.prank(carol);
        vm.expectRevert(reason);
        accountant.announceFeeRate(1);
    }

    function test_refuses_withdrawals_unannounced_early_late_or_of_nothing() public {
        refuseWithdraw(err(ITreasury.WithdrawalNotAnnounced.selector));
        vm.prank(carolsOwner);
        vm.expectRevert(err(IFunds.AmountZero.selector));
        accountant.announceWithdrawal(0, treasury);
        vm.prank(carolsOwner);
        vm.expectRevert(err(IFunds.BeneficiaryZero.selector));
        accountant.announceWithdrawal(1, address(0));
        announceWithdrawal(3 ether);
        uint256 dueAt = block.timestamp + exitDelay;
        vm.warp(dueAt - 1);
        refuseWithdraw(err(IFunds.TooEarly.selector, dueAt, dueAt - 1));
        // A standing announcement would be none.
        vm.warp(dueAt + exitDelay + 1);
        refuseWithdraw(err(ITreasury.WithdrawalExpired.selector, dueAt, dueAt + exitDelay + 1));
        announceWithdrawal(3 ether);
        settleBob(10 ether);
        vm.warp(block.timestamp + exitDelay);
        refuseWithdraw(err(IBooks.NothingToWithdraw.selector));
    }

    function test_a_cancelled_withdrawal_is_gone() public {
        vm.prank(carolsOwner);
        vm.expectRevert(err(ITreasury.WithdrawalNotAnnounced.selector));
        accountant.cancelWithdrawal();
        announceWithdrawal(3 ether);
        vm.prank(carolsOwner);
        accountant.cancelWithdrawal();
        vm.warp(block.timestamp + exitDelay);
        refuseWithdraw(err(ITreasury.WithdrawalNotAnnounced.selector));
    }

    function test_withdraws_what_was_announced_once() public {
        announceWithdrawal(3 ether);
        vm.warp(block.timestamp + exitDelay);
        withdraw();
        equal(balanceOf(treasury), 3 ether, "withdrawn");
        refuseWithdraw(err(ITreasury.WithdrawalNotAnnounced.selector));
    }

    /// @notice A stake that leaves one base unit free delays a withdrawal; it does not take the announcement away.
    function test_what_could_not_be_paid_stays_announced() public {
        announceWithdrawal(10 ether);
        pass(exitDelay);
        stakeFor(dave, 10 ether - 1);
        withdraw();
        equal(balanceOf(treasury), 1, "what there was");
        equal(accountant.pendingWithdrawal().amount, 10 ether - 1, "the rest");
        takeStakeBack(daveKey, 10 ether - 1);
        withdraw();
        equal(balanceOf(treasury), 10 ether, "all that was announced");
        refuseWithdraw(err(ITreasury.WithdrawalNotAnnounced.selector));
    }

    /// @notice W23: settlements in between come first, and what is another's is never withdrawn.
    function test_withdraws_at_most_what_is_free_of_stakes_guarantees_and_the_operators_stake() public {
        stakeBob(4 ether);
        announceWithdrawal(type(uint256).max);
        settleBob(2 ether);
        vm.warp(block.timestamp + exitDelay);
        withdraw();
        equal(balanceOf(treasury), 4 ether, "withdrawn");
        equal(balanceOf(address(accountant)), carolsStake + 8 ether, "stake, guarantee, the operator's stake");
    }

    function test_leaves_what_guarantees_lack_although_it_is_free() public {
        stakeBob(10 ether);
        settleBob(5 ether);
        announceWithdrawal(type(uint256).max);
        fund(address(accountant), 8 ether);
        // The money ends the punishment, and nobody has rebalanced yet.
        accountant.collect(new ICollection.Claim[](0));
        equal(accountant.punishedSince(), 0, "no punishment");
        vm.warp(block.timestamp + exitDelay);
        withdraw();
        equal(balanceOf(treasury), 3 ether, "withdrawn");
        accountant.rebalance(bob);
        equal(accountant.providerOf(bob).guarantee, 10 ether, "the guarantee is whole again");
    }

    function test_refuses_to_withdraw_while_anybody_is_short() public {
        announceWithdrawal(5 ether);
        settleBob(15 ether);
        vm.warp(block.timestamp + exitDelay);
        fund(address(accountant), 100 ether);
        refuseWithdraw(err(IBooks.InPunishment.selector, block.timestamp - exitDelay));
        settleBob(15 ether);
        withdraw();
        equal(balanceOf(treasury), 5 ether, "afterwards");
    }

    function test_the_operators_stake_grows_and_is_never_free() public {
        vm.expectRevert(err(IFunds.AmountZero.selector));
        accountant.increaseOperatorStake(0);
        fund(tom, 5 ether);
        vm.prank(tom);
        token.approve(address(accountant), 5 ether);
        vm.prank(tom);
        accountant.increaseOperatorStake(5 ether);
        equal(accountant.operatorStake(), carolsStake + 5 ether, "stake");
        equal(accountant.freeFunds(), 10 ether, "free");
    }

    function test_a_rate_is_valid_after_its_notice() public {
        vm.prank(carolsOwner);
        vm.expectRevert(err(ITreasury.FeeRateTooHigh.selector, 5000, 5001));
        accountant.announceFeeRate(5001);
        vm.prank(carolsOwner);
        accountant.announceFeeRate(3000);
        vm.warp(block.timestamp + rateNotice - 1);
        equal(accountant.feeRate(), 2000, "the old one");
        vm.warp(block.timestamp + 1);
        equal(accountant.feeRate(), 3000, "the new one");
        vm.prank(carolsOwner);
        accountant.announceFeeRate(100);
        equal(accountant.feeRate(), 3000, "still, after the next announcement");
        vm.warp(block.timestamp + 1 days);
        vm.prank(carolsOwner);
        accountant.announceFeeRate(200);
        vm.warp(block.timestamp + rateNotice - 1);
        equal(accountant.feeRate(), 3000, "a replaced announcement never becomes valid");
        vm.warp(block.timestamp + 1);
        equal(accountant.feeRate(), 200, "the last one");
    }
}
