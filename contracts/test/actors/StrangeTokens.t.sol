// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {ITreasury} from "../../src/interfaces/accountant/ITreasury.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IAccountant, IFunds} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {TestMystToken} from "../../src/TestMystToken.sol";
import {CallingToken, FalseToken, FeeToken, ListingToken, SilentToken} from "../support/Tokens.sol";
import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice K84: tokens that call back, take a fee, say nothing, say no, or refuse some receivers.
contract StrangeTokensTest is World {
    function useToken(address strange) private {
        token = TestMystToken(strange);
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        vm.prank(carolsOwner);
        accountant = IAccountant(registry.registerAccountant(carol, 0, 0, ""));
        channel = IConsumerChannel(registry.openChannel(alice, address(accountant)));
    }

    function test_every_way_into_an_accountant_is_closed_while_a_payment_is_under_way() public {
        CallingToken calling = new CallingToken();
        useToken(address(calling));
        calling.mint(address(accountant), 100 ether);
        bytes memory promised = promiseOf(50 ether);
        ISettlements.Settlement[] memory none = new ISettlements.Settlement[](0);
        bytes[11] memory ways = [
            abi.encodeCall(ISettlements.settleOne, (type(uint256).max, bob, settlement(bob, 50 ether))),
            abi.encodeCall(ISettlements.payoutOne, (bob, 50 ether, type(uint256).max)),
            abi.encodeCall(ISettlements.settle, (bob, 50 ether, preimage, promised)),
            abi.encodeCall(ISettlements.settleMany, (none)),
            abi.encodeCall(ISettlements.payout, (new address[](0), new uint256[](0))),
            abi.encodeCall(ISettlements.reportShortage, (bob, 50 ether, preimage, promised)),
            abi.encodeCall(IStakes.increaseStake, (bob, 1)),
            abi.encodeCall(IStakes.finalizeStakeDecrease, (bob)),
            abi.encodeCall(IStakes.rebalance, (bob)),
            abi.encodeCall(ITreasury.updatePunishment, ()),
            abi.encodeCall(ITreasury.increaseOperatorStake, (1))
        ];
        for (uint256 i = 0; i < ways.length; ++i) {
            calling.callNext(address(accountant), ways[i]);
            settleBob((i + 1) * 1 ether);
            holds(calling.called() && calling.refused(), "refused");
            equal(balanceOf(bob), (i + 1) * 1 ether, "paid once");
        }
    }

    /// @notice The item that pays is the contract's own call; whoever is called in it does not become the contract.
    function test_no_item_is_called_from_outside_while_a_batch_is_under_way() public {
        CallingToken calling = new CallingToken();
        useToken(address(calling));
        calling.mint(address(accountant), 10 ether);
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](2);
        items[0] = settlement(bob, 1 ether);
        items[1] = settlement(dave, 1 ether);
        bytes memory inner =
            abi.encodeCall(ISettlements.settleOne, (type(uint256).max, carol, settlement(bob, 9 ether)));
        calling.callNext(address(accountant), inner);
        vm.prank(carol);
        accountant.settleMany(items);
        holds(calling.called() && calling.refused(), "refused");
        equal(balanceOf(bob), 1 ether, "Bob");
        equal(balanceOf(dave), 1 ether, "Dave");
    }

    function test_a_channel_that_is_entered_again_in_a_payment_pays_what_it_owes() public {
        CallingToken calling = new CallingToken();
        useToken(address(calling));
        calling.mint(address(channel), 10 ether);
        bytes memory more = payment(5 ether);
        calling.callNext(
            address(channel), abi.encodeCall(IConsumerChannel.settle, (5 ether, preimage, agreement, more))
        );
        settleChannel(2 ether);
        holds(calling.called(), "called");
        equal(channel.settled(), 5 ether, "both promises");
        equal(balanceOf(address(accountant)), 5 ether, "once");
    }

    function test_an_exit_that_is_entered_again_pays_once() public {
        CallingToken calling = new CallingToken();
        useToken(address(calling));
        calling.mint(address(channel), 10 ether);
        requestExitOfAlice();
        pass(exitDelay);
        calling.callNext(address(channel), abi.encodeCall(IConsumerChannel.finalizeExit, ()));
        channel.finalizeExit();
        holds(calling.called() && calling.refused(), "refused");
        equal(balanceOf(alice), 10 ether, "once");
    }

    function test_a_token_that_says_nothing_serves() public {
        SilentToken silent = new SilentToken();
        useToken(address(silent));
        silent.mint(address(channel), 5 ether);
        settleChannel(4 ether);
        settleBob(1 ether);
        silent.mint(bob, 2 ether);
        vm.startPrank(bob);
        silent.approve(address(accountant), 2 ether);
        accountant.increaseStake(bob, 2 ether);
        vm.stopPrank();
        equal(balanceOf(bob), 1 ether, "settled");
        equal(guaranteeOf(bob), 2 ether, "staked");
    }

    function test_a_token_that_says_no_settles_nothing_and_no_accountant_registers_with_it() public {
        FalseToken no = new FalseToken();
        token = TestMystToken(address(no));
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        vm.expectRevert();
        registry.registerAccountant(carol, 0, 0, "");
        channel = IConsumerChannel(registry.openChannel(alice, bob));
        no.mint(address(channel), 5 ether);
        bytes memory signature = payment(1 ether);
        vm.expectRevert();
        channel.settle(1 ether, preimage, agreement, signature);
        equal(channel.settled(), 0, "nothing");
    }

    function test_a_token_that_takes_a_fee_is_refused_where_it_shows_and_breaks_no_sum_elsewhere() public {
        FeeToken taking = new FeeToken();
        useToken(address(taking));
        taking.mint(address(channel), 1000);
        taking.mint(address(accountant), 1000);
        settleChannel(500);
        equal(accountant.freeFunds(), 1000 + 495, "what arrived");
        taking.mint(bob, 100);
        vm.startPrank(bob);
        taking.approve(address(accountant), 100);
        vm.expectRevert(err(IFunds.TokenUnsupported.selector, 100, 99));
        accountant.increaseStake(bob, 100);
        vm.expectRevert(err(IFunds.TokenUnsupported.selector, 100, 99));
        accountant.increaseOperatorStake(100);
        vm.stopPrank();
    }

    function test_one_receiver_that_a_token_refuses_stops_nobody_else_in_a_batch() public {
        ListingToken listing = new ListingToken();
        useToken(address(listing));
        listing.mint(address(accountant), 10 ether);
        listing.list(bob, true);
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](2);
        items[0] = settlement(bob, 1 ether);
        items[1] = settlement(dave, 1 ether);
        vm.prank(carol);
        accountant.settleMany(items);
        wish(bobKey, false, true);
        wish(daveKey, false, true);
        (address[] memory providers, uint256[] memory totals) = (new address[](2), new uint256[](2));
        (providers[0], providers[1], totals[0], totals[1]) = (bob, dave, 2 ether, 2 ether);
        vm.prank(carol);
        accountant.payout(providers, totals);
        equal(balanceOf(dave), 2 ether, "Dave");
        equal(accountant.providerOf(bob).settled, 0, "Bob is owed as before");
        listing.list(bob, false);
        settleBob(1 ether);
        equal(balanceOf(bob), 1 ether, "and paid when he can be");
    }

    function test_a_contract_without_any_function_may_be_beneficiary() public {
        fund(address(accountant), 5 ether);
        address bare = address(registry);
        register(bobKey, bare);
        settleBob(1 ether);
        equal(balanceOf(bare), 1 ether, "paid");
    }

    /// @dev Were it refused, a provider that is short could keep the punishment from ending.
    function test_who_is_short_cannot_stay_so_by_naming_a_beneficiary_that_takes_nothing() public {
        register(bobKey, address(accountant));
        reportShortage(bob, 1 ether);
        bytes memory toNobody = promiseTo(address(0), 1 ether);
        vm.expectRevert(err(IFunds.BeneficiaryZero.selector));
        accountant.reportShortage(address(0), 1 ether, preimage, toNobody);
        fund(address(accountant), 1 ether);
        bytes memory signature = promiseTo(bob, 1 ether);
        vm.prank(carol);
        accountant.settle(bob, 1 ether, preimage, signature);
        equal(accountant.punishedSince(), 0, "over");
        equal(balanceOf(bob), 1 ether, "and Bob has it");
    }
}
