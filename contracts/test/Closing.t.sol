// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {ITreasury} from "../src/interfaces/accountant/ITreasury.sol";
import {IFunds} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice The end of an accountant's business: W24, W33, C8, C9.
contract ClosingTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 20 ether);
        stakeFor(bob, 5 ether);
    }

    /// @dev Announces so that the withdrawal is due when the closing's delay is over.
    function announceForTheEnd() private {
        pass(accountant.closedUntil() - block.timestamp - exitDelay);
        announceWithdrawal(type(uint256).max);
        pass(exitDelay);
    }

    function test_only_the_owner_closes_and_only_once() public {
        address[3] memory others = [carol, bob, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(ITreasury.NotOwner.selector, others[i]));
            accountant.close();
        }
        equal(accountant.closedUntil(), 0, "open");
        vm.expectEmit(address(accountant));
        emit ITreasury.Closed(block.timestamp + closingDelay);
        close();
        holds(accountant.isClosed(), "closed");
        vm.prank(carolsOwner);
        vm.expectRevert(err(IBooks.AccountantClosed.selector));
        accountant.close();
        equal(accountant.closedUntil(), block.timestamp + closingDelay, "not later than it was");
    }

    function test_takes_no_new_stakes() public {
        close();
        fund(dave, 1 ether);
        vm.startPrank(dave);
        token.approve(address(accountant), 1 ether);
        vm.expectRevert(err(IBooks.AccountantClosed.selector));
        accountant.increaseStake(dave, 1 ether);
        vm.stopPrank();
        ISettlements.SettleOrder memory o = order(1 ether, address(0), 0);
        o.into = 1;
        refuseOrder(tom, o, err(IBooks.AccountantClosed.selector));
    }

    function test_pays_no_withdrawal_until_the_delay_is_over_not_even_one_announced_before() public {
        announceWithdrawal(1 ether);
        close();
        uint256 until = block.timestamp + closingDelay;
        pass(exitDelay);
        refuseWithdraw(err(IFunds.TooEarly.selector, until, block.timestamp));
        pass(closingDelay - 2 * exitDelay);
        announceWithdrawal(1 ether);
        pass(exitDelay - 1);
        refuseWithdraw(err(IFunds.TooEarly.selector, until, until - 1));
        pass(1);
        withdraw();
        equal(balanceOf(treasury), 1 ether, "then");
    }

    /// @notice W24: closing voids no promise, and settlements, collecting, payouts and stake returns go on.
    function test_business_that_was_done_is_paid() public {
        bytes memory promised = promiseOf(3 ether);
        wish(daveKey, false, true);
        close();
        vm.prank(bob);
        accountant.settle(bob, 3 ether, preimage, promised);
        payout(dave, 1 ether);
        openAlice(4 ether);
        collectFromAlice(2 ether);
        equal(accountant.freeFunds(), 15 ether - 3 ether - 1 ether + 2 ether, "free");
        takeStakeBack(bobKey, 5 ether);
        equal(balanceOf(bob), 8 ether, "settlement and stake");
        pass(10 * closingDelay);
        settleBob(4 ether);
        equal(balanceOf(bob), 9 ether, "years later too");
    }

    /// @notice W33: money on an address that is not deployed yet is not locked by a closing.
    function test_channels_open_and_exit_also_when_it_is_closed() public {
        close();
        openAlice(4 ether);
        requestExitOfAlice();
        pass(exitDelay);
        channel.finalizeExit();
        equal(balanceOf(alice), 4 ether, "back");
    }

    /// @notice W24: the owner gets what is left, the operator's stake included; stakes and guarantees never.
    function test_the_owner_gets_what_is_left_and_nothing_of_providers() public {
        settleBob(17 ether);
        equal(guaranteeOf(bob), 3 ether, "some of the guarantee is used");
        fund(address(accountant), 4 ether);
        accountant.rebalance(bob);
        equal(guaranteeOf(bob), 5 ether, "and whole again");
        close();
        announceForTheEnd();
        vm.expectEmit(address(accountant));
        emit IBooks.BackingReleased(carolsStake, 0);
        withdraw();
        equal(balanceOf(treasury), carolsStake + 2 ether, "all that is not Bob's");
        equal(accountant.operatorStake() + accountant.reserve(), 0, "released");
        announceWithdrawal(type(uint256).max);
        pass(exitDelay);
        refuseWithdraw(err(IBooks.NothingToWithdraw.selector));
        settleFor(bob, carolKey, 17 ether + 5 ether);
        takeStakeBack(bobKey, 5 ether);
        equal(balanceOf(bob), 17 ether + 5 ether + 5 ether, "Bob has all that was his");
        equal(balanceOf(address(accountant)), 0, "and nothing is left");
    }

    /// @notice Money that is there for a moment ends a punishment; it frees nothing as long as a guarantee lacks.
    function test_a_loan_frees_nothing_of_what_backs_a_guarantee() public {
        settleBob(17 ether);
        close();
        announceForTheEnd();
        fund(address(accountant), 2 ether);
        accountant.updatePunishment();
        equal(accountant.punishedSince(), 0, "the punishment is over");
        refuseWithdraw(err(IBooks.NothingToWithdraw.selector));
        fund(address(accountant), 1 ether);
        withdraw();
        equal(balanceOf(treasury), 1 ether, "what is free");
        settleFor(dave, carolKey, 2 ether);
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake, "what backs Bob is there");
    }

    function test_the_operators_stake_stays_while_anybody_is_short() public {
        settleFor(dave, carolKey, 50 ether);
        close();
        announceForTheEnd();
        refuseWithdraw(err(IBooks.InPunishment.selector, accountant.punishedSince()));
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake, "what backs");
        fund(address(accountant), 50 ether);
        settleFor(dave, carolKey, 50 ether);
        withdraw();
        holds(balanceOf(treasury) >= carolsStake, "when Dave is paid");
    }

    function test_what_was_released_backs_nobody_afterwards() public {
        close();
        announceForTheEnd();
        withdraw();
        settleBob(30 ether);
        equal(balanceOf(bob), 5 ether, "the guarantee");
        pass(3 days);
        refuseSettling(bob, carolKey, 30 ether, err(IBooks.NothingToPay.selector));
        takeStakeBack(bobKey, 5 ether);
        equal(balanceOf(bob), 10 ether, "and his stake");
    }

    function test_rotates_also_when_it_is_closed() public {
        close();
        rotateTo(newKey);
        settleFor(bob, newKey, 1 ether);
        equal(balanceOf(bob), 1 ether, "paid");
    }

    function test_a_fast_exit_is_signed_also_when_it_is_closed() public {
        openAlice(4 ether);
        close();
        IConsumerChannel.FastExit memory r = IConsumerChannel.FastExit(4 ether, address(0), address(0), 0, 1, later);
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        channel.fastExit(r, alices, signFastExit(carolKey, address(channel), r));
        equal(balanceOf(alice), 4 ether, "at once");
    }
}
