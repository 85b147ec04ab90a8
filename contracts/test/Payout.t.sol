// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Payouts that nobody asked for again: W36, C9.
contract PayoutTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
        wish(bobKey, false, true);
        wish(daveKey, false, true);
    }

    function lists(address provider, uint256 upTo)
        private
        pure
        returns (address[] memory providers, uint256[] memory totals)
    {
        (providers, totals) = (new address[](1), new uint256[](1));
        (providers[0], totals[0]) = (provider, upTo);
    }

    function skipped(address provider, uint256 upTo, bytes4 reason) private {
        uint256 before = balanceOf(provider);
        vm.expectEmit(address(accountant));
        emit ISettlements.PayoutSkipped(provider, upTo, reason);
        payout(provider, upTo);
        equal(balanceOf(provider), before, "nothing was paid");
    }

    function test_refuses_a_payout_of_anybody_but_the_operator() public {
        (address[] memory providers, uint256[] memory totals) = lists(bob, 1 ether);
        address[4] memory others = [carolsOwner, bob, mallory, address(accountant)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(ISettlements.NotOperator.selector, others[i]));
            accountant.payout(providers, totals);
        }
    }

    function test_refuses_lists_of_different_length() public {
        (address[] memory providers,) = lists(bob, 1 ether);
        vm.prank(carol);
        vm.expectRevert(err(ISettlements.ListsDiffer.selector, 1, 2));
        accountant.payout(providers, new uint256[](2));
    }

    function test_only_the_contract_itself_calls_an_item() public {
        address[3] memory others = [carol, bob, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(ISettlements.NotSelf.selector, others[i]));
            accountant.payoutOne(bob, 1 ether, type(uint256).max);
        }
    }

    function test_skips_a_provider_who_did_not_wish_it_or_no_longer_does() public {
        skipped(tom, 1 ether, ISettlements.NoPayoutsWished.selector);
        wish(bobKey, true, false);
        skipped(bob, 1 ether, ISettlements.NoPayoutsWished.selector);
        wish(bobKey, false, true);
        payout(bob, 1 ether);
        equal(balanceOf(bob), 1 ether, "wished again");
    }

    function test_pays_the_registered_beneficiary() public {
        register(bobKey, address(0xb0b2));
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderPaidOut(bob, 3 ether, 3 ether, address(0xb0b2));
        payout(bob, 3 ether);
        equal(balanceOf(address(0xb0b2)), 3 ether, "beneficiary");
        equal(balanceOf(bob) + balanceOf(carol), 0, "nobody else");
        equal(accountant.providerOf(bob).settled, 3 ether, "settled");
    }

    function test_the_total_is_cumulative(uint256 first, uint256 second) public {
        first = within(first, 1, 9 ether);
        second = within(second, 0, 10 ether);
        payout(bob, first);
        if (second <= first) skipped(bob, second, IBooks.PromiseNotIncreasing.selector);
        else payout(bob, second);
        equal(balanceOf(bob), second > first ? second : first, "the highest total, once");
        equal(accountant.providerOf(bob).settled, balanceOf(bob), "settled");
    }

    /// @notice W36: a settlement that is on its way when the payout is made pays nothing twice, in either order.
    function test_a_payout_and_a_settlement_in_flight_pay_once(uint256 upTo, uint256 amount, bool payoutFirst) public {
        (upTo, amount) = (within(upTo, 1, 10 ether), within(amount, 1, 10 ether));
        bytes memory signature = promiseOf(amount);
        if (payoutFirst) payout(bob, upTo);
        vm.prank(bob);
        try accountant.settle(bob, amount, preimage, signature) {} catch {}
        if (!payoutFirst) payout(bob, upTo);
        equal(balanceOf(bob), amount > upTo ? amount : upTo, "the higher of both");
    }

    function test_a_promise_below_what_was_paid_out_is_refused() public {
        payout(bob, 4 ether);
        refuseSettling(bob, carolKey, 4 ether, err(IBooks.PromiseNotIncreasing.selector, 4 ether, 4 ether));
        settleBob(5 ether);
        equal(balanceOf(bob), 5 ether, "and a higher one pays the rest");
    }

    function test_pays_from_free_funds_only() public {
        stakeFor(bob, 4 ether);
        skipped(bob, 6 ether + 1, IBooks.Underpaid.selector);
        payout(bob, 6 ether);
        equal(guaranteeOf(bob), 4 ether, "his guarantee is not for it");
        equal(accountant.freeFunds(), 0, "all that was free");
    }

    /// @notice C9: what a guarantee lacks is not there for payouts, although it is free.
    function test_leaves_what_guarantees_lack_although_it_is_free() public {
        stakeFor(bob, 5 ether);
        settleBob(7 ether);
        fund(address(accountant), 8 ether);
        accountant.updatePunishment();
        equal(accountant.punishedSince(), 0, "the money ended the punishment");
        equal(accountant.freeFunds(), 8 ether, "free");
        skipped(dave, 6 ether + 1, IBooks.Underpaid.selector);
        payout(dave, 6 ether);
        accountant.rebalance(bob);
        equal(guaranteeOf(bob), 5 ether, "Bob's guarantee is whole again");
    }

    function test_pays_nothing_in_punishment() public {
        stakeFor(bob, 5 ether);
        settleBob(7 ether);
        fund(address(accountant), 50 ether);
        skipped(dave, 1, IBooks.InPunishment.selector);
        accountant.updatePunishment();
        payout(dave, 1);
        equal(balanceOf(dave), 1, "afterwards");
    }

    function test_skips_what_fails_and_pays_the_rest() public {
        address[] memory providers = new address[](4);
        uint256[] memory totals = new uint256[](4);
        (providers[0], totals[0]) = (bob, 2 ether);
        (providers[1], totals[1]) = (bob, 2 ether);
        (providers[2], totals[2]) = (mallory, 1 ether);
        (providers[3], totals[3]) = (dave, 3 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderPaidOut(bob, 2 ether, 2 ether, bob);
        vm.expectEmit(address(accountant));
        emit ISettlements.PayoutSkipped(bob, 2 ether, IBooks.PromiseNotIncreasing.selector);
        vm.expectEmit(address(accountant));
        emit ISettlements.PayoutSkipped(mallory, 1 ether, ISettlements.NoPayoutsWished.selector);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderPaidOut(dave, 3 ether, 3 ether, dave);
        vm.prank(carol);
        accountant.payout(providers, totals);
        equal(accountant.freeFunds(), 5 ether, "free");
    }

    function test_an_absurd_total_is_skipped(uint256 upTo) public {
        upTo = within(upTo, 10 ether + 1, type(uint256).max);
        skipped(bob, upTo, IBooks.Underpaid.selector);
    }

    function test_a_replaced_operator_pays_nobody_out() public {
        rotateTo(newKey);
        (address[] memory providers, uint256[] memory totals) = lists(bob, 1 ether);
        vm.prank(carol);
        vm.expectRevert(err(ISettlements.NotOperator.selector, carol));
        accountant.payout(providers, totals);
        vm.prank(vm.addr(newKey));
        accountant.payout(providers, totals);
        equal(balanceOf(bob), 1 ether, "the new one does");
    }

    function test_an_empty_list_changes_nothing() public {
        vm.prank(carol);
        accountant.payout(new address[](0), new uint256[](0));
        equal(accountant.freeFunds(), 10 ether, "free");
    }
}
