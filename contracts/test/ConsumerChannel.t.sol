// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChannelBooks} from "../src/interfaces/IChannelBooks.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {TestMystToken} from "../src/TestMystToken.sol";
import {AliasToken, FalseToken, TwoDoorToken} from "./support/Tokens.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Settling and holding: C2, C3, C4, C17.
contract SettlingTest is World {
    function setUp() public override {
        super.setUp();
        openAlice(10 ether);
    }

    function test_refuses_a_promise_that_repeats_or_lowers_the_amount(uint256 amount) public {
        settleChannel(4 ether);
        amount = within(amount, 0, 4 ether);
        bytes memory signature = payment(amount);
        vm.expectRevert(err(IChannelBooks.PromiseNotIncreasing.selector, 4 ether, amount));
        channel.settle(amount, preimage, agreement, signature);
    }

    function test_refuses_a_wrong_preimage(bytes32 wrong) public {
        vm.assume(wrong != preimage);
        bytes memory signature = payment(1 ether);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(1 ether, wrong, agreement, signature);
    }

    function test_refuses_another_amount_or_agreement_than_signed() public {
        bytes memory signature = payment(1 ether);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(1 ether + 1, preimage, agreement, signature);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(1 ether, preimage, hashAgreement(0, bob, 1 ether), signature);
    }

    function test_refuses_a_promise_of_another() public {
        bytes memory signature = signPayment(bobKey, address(channel), 1 ether, lockOf(preimage), agreement);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        channel.settle(1 ether, preimage, agreement, signature);
    }

    function test_refuses_to_settle_from_an_empty_channel() public {
        settleChannel(10 ether);
        bytes memory signature = payment(11 ether);
        vm.expectRevert(err(IChannelBooks.ChannelEmpty.selector));
        channel.settle(11 ether, preimage, agreement, signature);
        equal(channel.settled(), 10 ether, "settled");
    }

    function test_settles_to_the_accountant_whoever_sends() public {
        bytes memory signature = payment(4 ether);
        vm.expectEmit(address(channel));
        emit IConsumerChannel.Settled(4 ether, 4 ether, 4 ether, preimage);
        vm.prank(mallory);
        channel.settle(4 ether, preimage, agreement, signature);
        equal(balanceOf(address(accountant)), carolsStake + 4 ether, "accountant");
        equal(balanceOf(mallory), 0, "sender");
        equal(channel.settled(), 4 ether, "settled");
    }

    function test_settles_the_rest_of_a_promise_after_a_top_up() public {
        settleChannel(15 ether);
        equal(channel.settled(), 10 ether, "what was there");
        fund(address(channel), 8 ether);
        settleChannel(15 ether);
        equal(channel.settled(), 15 ether, "the rest");
        equal(balanceOf(address(channel)), 3 ether, "and no more");
    }

    function test_settles_promises_of_any_size(uint256 amount) public {
        vm.assume(amount != 0);
        settleChannel(amount);
        equal(channel.settled(), amount < 10 ether ? amount : 10 ether, "settled");
    }

    /// @notice C4: any order, any gaps, any repeats, top-ups in between.
    function test_the_order_of_settlements_does_not_matter(uint256 seed) public {
        uint256 highest;
        for (uint256 i = 0; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 amount = within(seed, 1, 12 ether);
            if (amount > highest) highest = amount;
            try channel.settle(amount, preimage, agreement, payment(amount)) {} catch {}
            if (seed >> 250 == 0) fund(address(channel), 1 ether);
        }
        uint256 funds = channel.settled() + balanceOf(address(channel));
        if (highest > channel.settled() && balanceOf(address(channel)) != 0) settleChannel(highest);
        equal(channel.settled(), highest < funds ? highest : funds, "the highest promise, or all there is");
        equal(balanceOf(address(accountant)) - carolsStake, channel.settled(), "paid");
    }

    // Holding

    function test_refuses_to_hold_without_a_hashlock() public {
        bytes memory signature = signPayment(aliceKey, address(channel), 1 ether, 0, agreement);
        vm.expectRevert(err(ISigned.HashlockZero.selector));
        channel.hold(1 ether, 0, agreement, signature);
    }

    function test_refuses_to_hold_what_alice_did_not_sign() public {
        bytes memory signature = signPayment(bobKey, address(channel), 1 ether, lockOf(preimage), agreement);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        channel.hold(1 ether, lockOf(preimage), agreement, signature);
    }

    function test_refuses_to_hold_nothing_new() public {
        channel.hold(3 ether, lockOf(preimage), agreement, payment(3 ether));
        bytes memory signature = payment(3 ether);
        vm.expectRevert(err(IChannelBooks.HoldNotIncreasing.selector, 3 ether, 3 ether));
        channel.hold(3 ether, lockOf(preimage), agreement, signature);
        settleChannel(5 ether);
        signature = payment(4 ether);
        vm.expectRevert(err(IChannelBooks.PromiseNotIncreasing.selector, 5 ether, 4 ether));
        channel.hold(4 ether, lockOf(preimage), agreement, signature);
    }

    function test_holds_the_highest_amount_and_moves_nothing() public {
        vm.expectEmit(address(channel));
        emit IConsumerChannel.Held(3 ether, lockOf(preimage));
        channel.hold(3 ether, lockOf(preimage), agreement, payment(3 ether));
        channel.hold(7 ether, lockOf(preimage), agreement, payment(7 ether));
        equal(channel.held(), 7 ether, "held");
        equal(channel.settled(), 0, "settled");
        equal(balanceOf(address(channel)), 10 ether, "balance");
        settleChannel(7 ether);
        equal(channel.settled(), 7 ether, "and it settles as any other");
    }

    function test_a_huge_held_promise_locks_but_does_not_break_anything() public {
        uint256 huge = type(uint256).max;
        channel.hold(huge, lockOf(preimage), agreement, payment(huge));
        settleChannel(2 ether);
        settleChannel(huge);
        equal(channel.settled(), 10 ether, "settled");
    }
}

/// @notice Leaving: C16, W28.
contract ExitTest is World {
    function setUp() public override {
        super.setUp();
        openAlice(10 ether);
    }

    function request() private pure returns (IConsumerChannel.ExitRequest memory) {
        return IConsumerChannel.ExitRequest(address(0xa11ce2), tom, 0.1 ether, 1, later);
    }

    function requestExit(address sender, IConsumerChannel.ExitRequest memory r) private {
        bytes memory signature = signExit(aliceKey, address(channel), r);
        vm.prank(sender);
        channel.requestExit(r, signature);
    }

    function refuse(address sender, IConsumerChannel.ExitRequest memory r, bytes memory reason) private {
        bytes memory signature = signExit(aliceKey, address(channel), r);
        vm.prank(sender);
        vm.expectRevert(reason);
        channel.requestExit(r, signature);
    }

    function test_refuses_bad_exit_requests() public {
        IConsumerChannel.ExitRequest memory r = request();
        refuse(mallory, r, err(ISigned.NotTransactor.selector, tom, mallory));
        r.transactor = address(0);
        refuse(tom, r, err(ISigned.FeeWithoutTransactor.selector, 0.1 ether));
        r = request();
        r.deadline = block.timestamp - 1;
        refuse(tom, r, err(ISigned.DeadlinePassed.selector, r.deadline, block.timestamp));
        r = request();
        bytes memory signature = signExit(bobKey, address(channel), r);
        vm.prank(tom);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        channel.requestExit(r, signature);
        vm.prank(alice);
        channel.cancelNonce(1);
        refuse(tom, r, err(ISigned.NonceUsed.selector, alice, 1));
    }

    function test_refuses_a_second_exit_and_a_replay_after_a_cancel() public {
        requestExit(tom, request());
        uint256 dueAt = block.timestamp + exitDelay;
        IConsumerChannel.ExitRequest memory second = request();
        second.nonce = 2;
        refuse(tom, second, err(IChannelBooks.ExitAlreadyRequested.selector, dueAt));
        IConsumerChannel.ExitCancel memory cancel = IConsumerChannel.ExitCancel(3, later);
        channel.cancelExit(cancel, signExitCancel(aliceKey, address(channel), cancel));
        refuse(tom, request(), err(ISigned.NonceUsed.selector, alice, 1));
    }

    function test_refuses_bad_cancels() public {
        IConsumerChannel.ExitCancel memory cancel = IConsumerChannel.ExitCancel(3, later);
        bytes memory signature = signExitCancel(aliceKey, address(channel), cancel);
        vm.expectRevert(err(IChannelBooks.ExitNotRequested.selector));
        channel.cancelExit(cancel, signature);
        requestExit(tom, request());
        bytes memory bobs = signExitCancel(bobKey, address(channel), cancel);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        channel.cancelExit(cancel, bobs);
        cancel.deadline = block.timestamp - 1;
        vm.expectPartialRevert(ISigned.DeadlinePassed.selector);
        channel.cancelExit(cancel, signature);
        cancel = IConsumerChannel.ExitCancel(1, later);
        signature = signExitCancel(aliceKey, address(channel), cancel);
        vm.expectRevert(err(ISigned.NonceUsed.selector, alice, 1));
        channel.cancelExit(cancel, signature);
        equal(channel.exit().dueAt, block.timestamp + exitDelay, "the exit stands");
    }

    function test_refuses_to_finalize_without_request_or_too_early() public {
        vm.expectRevert(err(IChannelBooks.ExitNotRequested.selector));
        channel.finalizeExit();
        requestExit(tom, request());
        uint256 dueAt = block.timestamp + exitDelay;
        vm.warp(dueAt - 1);
        vm.expectRevert(err(IChannelBooks.ExitTooEarly.selector, dueAt, dueAt - 1));
        channel.finalizeExit();
    }

    function test_pays_the_exit_after_the_delay_without_anybodys_help() public {
        requestExit(tom, request());
        vm.warp(block.timestamp + exitDelay);
        vm.expectEmit(address(channel));
        emit IConsumerChannel.ExitFinalized(9.9 ether, address(0xa11ce2), tom, 0.1 ether);
        vm.prank(mallory);
        channel.finalizeExit();
        equal(balanceOf(address(0xa11ce2)), 9.9 ether, "beneficiary");
        equal(balanceOf(tom), 0.1 ether, "transactor");
        equal(channel.exit().dueAt, 0, "done");
        vm.expectRevert(err(IChannelBooks.ExitNotRequested.selector));
        channel.finalizeExit();
    }

    function test_pays_the_registered_beneficiary_where_none_is_named() public {
        IConsumerChannel.ExitRequest memory r = IConsumerChannel.ExitRequest(address(0), address(0), 0, 1, later);
        requestExit(mallory, r);
        equal(channel.exit().beneficiary, alice, "resolved at the request");
    }

    function test_cuts_the_fee_to_what_the_exit_pays(uint256 fee) public {
        IConsumerChannel.ExitRequest memory r = request();
        r.fee = fee;
        requestExit(tom, r);
        vm.warp(block.timestamp + exitDelay);
        channel.finalizeExit();
        equal(balanceOf(tom), fee < 10 ether ? fee : 10 ether, "fee");
        equal(balanceOf(tom) + balanceOf(address(0xa11ce2)), 10 ether, "all of it");
    }

    function test_the_accountant_settles_a_promise_until_the_last_moment() public {
        requestExit(tom, request());
        vm.warp(block.timestamp + exitDelay - 1);
        settleChannel(6 ether);
        vm.warp(block.timestamp + 1);
        channel.finalizeExit();
        equal(balanceOf(address(accountant)), carolsStake + 6 ether, "accountant");
        equal(balanceOf(address(0xa11ce2)), 3.9 ether, "Alice");
    }

    /// @notice C16: `balance − max(0, held − settled)`.
    function test_what_is_held_stays(uint256 heldAmount, uint256 settledAmount) public {
        heldAmount = within(heldAmount, 1, 20 ether);
        settledAmount = within(settledAmount, 0, 9 ether);
        channel.hold(heldAmount, lockOf(preimage), agreement, payment(heldAmount));
        if (settledAmount != 0) settleChannel(settledAmount);
        IConsumerChannel.ExitRequest memory r = request();
        r.fee = 0;
        requestExit(tom, r);
        vm.warp(block.timestamp + exitDelay);
        uint256 balance = balanceOf(address(channel));
        uint256 liable = heldAmount > settledAmount ? heldAmount - settledAmount : 0;
        if (balance <= liable) {
            vm.expectRevert(err(IChannelBooks.NothingToPay.selector, balance, liable));
            channel.finalizeExit();
            return;
        }
        channel.finalizeExit();
        equal(balanceOf(address(0xa11ce2)), balance - liable, "paid");
        equal(balanceOf(address(channel)), liable, "held");
        if (liable != 0) settleChannel(heldAmount);
        equal(balanceOf(address(channel)), 0, "the accountant collects what was held");
    }

    /// @notice W28: they withhold the preimage, exit, and settle afterwards with the accountant.
    function test_consumer_and_provider_together_gain_nothing_by_withholding_the_preimage() public {
        // Carol credited Bob 8 for Alice's promise; neither shows the preimage.
        bytes memory credited = promiseOf(8 ether);
        requestExit(alice, IConsumerChannel.ExitRequest(address(0), address(0), 0, 1, later));
        vm.prank(carol);
        channel.hold(8 ether, lockOf(preimage), agreement, payment(8 ether));
        vm.warp(block.timestamp + exitDelay);
        channel.finalizeExit();
        fund(address(accountant), 8 ether);
        // Now Bob shows the preimage, to be paid; Carol reads it in the event and collects.
        vm.prank(bob);
        accountant.settle(bob, 8 ether, preimage, credited);
        settleChannel(8 ether);
        equal(balanceOf(alice) + balanceOf(bob), 10 ether, "together they have what they brought");
        equal(accountant.freeFunds(), 8 ether, "and Carol lost nothing");
    }

    // Fast exits

    function fast() private view returns (IConsumerChannel.FastExit memory) {
        return IConsumerChannel.FastExit(6 ether, address(0xa11ce2), tom, 0.5 ether, 1, block.timestamp + 1 hours);
    }

    function refuseFast(address sender, IConsumerChannel.FastExit memory r, bytes memory reason) private {
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        bytes memory carols = signFastExit(carolKey, address(channel), r);
        vm.prank(sender);
        vm.expectRevert(reason);
        channel.fastExit(r, alices, carols);
    }

    function test_refuses_bad_fast_exits() public {
        IConsumerChannel.FastExit memory r = fast();
        refuseFast(mallory, r, err(ISigned.NotTransactor.selector, tom, mallory));
        r.deadline = block.timestamp - 1;
        refuseFast(tom, r, err(ISigned.DeadlinePassed.selector, r.deadline, block.timestamp));
        r = fast();
        r.transactor = address(0);
        refuseFast(tom, r, err(ISigned.FeeWithoutTransactor.selector, r.fee));
        r = fast();
        r.amount = 0;
        refuseFast(tom, r, err(IChannelBooks.NothingToPay.selector, 0, 0));
        r.amount = r.fee - 1;
        refuseFast(tom, r, err(IConsumerChannel.FeeAboveAmount.selector, r.amount, r.fee));
        r.amount = 10 ether + 1;
        refuseFast(tom, r, err(IConsumerChannel.BalanceTooLow.selector, 10 ether, 10 ether + 1));
    }

    function test_a_fast_exit_needs_both_signatures() public {
        IConsumerChannel.FastExit memory r = fast();
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        bytes memory carols = signFastExit(carolKey, address(channel), r);
        vm.prank(tom);
        vm.expectRevert(err(ISigned.WrongSigner.selector, carol, alice));
        channel.fastExit(r, alices, alices);
        vm.prank(tom);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, carol));
        channel.fastExit(r, carols, carols);
    }

    function test_a_fast_exit_pays_at_once_and_once_also_what_is_held() public {
        channel.hold(9 ether, lockOf(preimage), agreement, payment(9 ether));
        IConsumerChannel.FastExit memory r = fast();
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        bytes memory carols = signFastExit(carolKey, address(channel), r);
        vm.expectEmit(address(channel));
        emit IConsumerChannel.FastExited(5.5 ether, address(0xa11ce2), tom, 0.5 ether, 1);
        vm.prank(tom);
        channel.fastExit(r, alices, carols);
        equal(balanceOf(address(0xa11ce2)), 5.5 ether, "beneficiary");
        equal(balanceOf(tom), 0.5 ether, "transactor");
        equal(balanceOf(address(channel)), 4 ether, "the rest");
        fund(address(channel), 10 ether);
        vm.prank(tom);
        vm.expectRevert(err(ISigned.NonceUsed.selector, alice, 1));
        channel.fastExit(r, alices, carols);
    }
}

/// @notice What else could leave, and does not: W22, W31, K83, K84, K85.
contract ChannelMoneyTest is World {
    function setUp() public override {
        super.setUp();
        openAlice(10 ether);
    }

    function test_only_the_registry_takes_the_registration_fee() public {
        vm.prank(address(accountant));
        vm.expectRevert(err(IConsumerChannel.NotRegistry.selector, address(accountant)));
        channel.payRegistration(mallory, 1, mallory, 1);
    }

    /// @notice W22, W31: a consumer that signs everything for itself moves its money only to the accountant, or waits.
    function test_no_single_signature_of_alice_pays_anybody_but_the_accountant_at_once() public {
        settleChannel(10 ether);
        equal(balanceOf(alice) + balanceOf(mallory) + balanceOf(tom), 0, "nobody else");
        equal(accountant.freeFunds(), 10 ether, "all of it is Carol's");
    }

    /// @notice W31: the fee of an exit comes out of its payment, when it is due.
    function test_an_announced_exit_pays_nobody_yet() public {
        IConsumerChannel.ExitRequest memory r = IConsumerChannel.ExitRequest(address(0), tom, 1 ether, 1, later);
        bytes memory signature = signExit(aliceKey, address(channel), r);
        vm.prank(tom);
        channel.requestExit(r, signature);
        equal(balanceOf(tom), 0, "Tom waits as Alice does");
        equal(balanceOf(address(channel)), 10 ether, "channel");
    }

    function test_recovers_foreign_tokens_for_the_identity_only() public {
        TestMystToken other = new TestMystToken();
        other.faucet(address(channel), 5);
        vm.prank(mallory);
        vm.expectRevert(err(IConsumerChannel.NotIdentity.selector, alice, mallory));
        channel.recoverToken(address(other), mallory);
        vm.prank(alice);
        vm.expectRevert(err(IConsumerChannel.RecoveryOfOwnToken.selector));
        channel.recoverToken(address(token), alice);
        vm.prank(alice);
        channel.recoverToken(address(other), bob);
        equal(other.balanceOf(bob), 5, "recovered");
        equal(balanceOf(address(channel)), 10 ether, "MYST");
    }

    function test_refuses_to_recover_its_own_token_by_a_second_door() public {
        TwoDoorToken two = new TwoDoorToken();
        token = TestMystToken(address(two));
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        channel = IConsumerChannel(registry.openChannel(alice, bob));
        two.mint(address(channel), 5);
        address door = address(new AliasToken(two));
        vm.prank(alice);
        vm.expectRevert(err(IConsumerChannel.RecoveryMovedOwnToken.selector, 5, 0));
        channel.recoverToken(door, alice);
    }

    function test_recovers_native_coin_for_the_identity_only() public {
        vm.deal(address(channel), 3);
        vm.prank(mallory);
        vm.expectRevert(err(IConsumerChannel.NotIdentity.selector, alice, mallory));
        channel.recoverNative(mallory);
        vm.prank(alice);
        vm.expectRevert(err(IConsumerChannel.NativeTransferFailed.selector, address(token)));
        channel.recoverNative(address(token));
        vm.prank(alice);
        channel.recoverNative(bob);
        equal(bob.balance, 3, "recovered");
    }

    function test_takes_no_native_coin() public {
        vm.deal(mallory, 1);
        vm.prank(mallory);
        (bool sent,) = address(channel).call{value: 1}("");
        holds(!sent, "refused");
    }

    /// @notice W20: the result of a transfer counts.
    function test_reverts_where_the_token_says_no() public {
        FalseToken no = new FalseToken();
        token = TestMystToken(address(no));
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        channel = IConsumerChannel(registry.openChannel(alice, bob));
        no.mint(address(channel), 5 ether);
        bytes memory signature = payment(1 ether);
        vm.expectRevert();
        channel.settle(1 ether, preimage, agreement, signature);
        equal(channel.settled(), 0, "nothing settled");
    }
}
