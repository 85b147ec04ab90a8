// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChannelBooks} from "../src/interfaces/IChannelBooks.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {TickChain} from "./support/TickChain.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Payments by hashes between two signatures: payments.md §12, C3, C16, C17.
contract TicksTest is World, TickChain {
    uint256 private constant amount = 1 ether;
    uint256 private constant value = 0.001 ether;
    uint256 private constant max = 20;
    bytes private constant overflow = abi.encodeWithSignature("Panic(uint256)", 0x11);

    bytes32[] private w;
    IConsumerChannel.Ticks private ticks;
    bytes private signature;

    function setUp() public override {
        super.setUp();
        openAlice(10 ether);
        use(chainOf(max, bytes32(uint256(7))), value, max);
    }

    /// @dev Alice signs a promise with this chain.
    function use(bytes32[] memory chain, uint256 value_, uint256 max_) private {
        w = chain;
        ticks = IConsumerChannel.Ticks(chain[0], value_, max_);
        signature = signWith(ticks);
    }

    function signWith(IConsumerChannel.Ticks memory t) private view returns (bytes memory) {
        return signTicks(aliceKey, address(channel), amount, lockOf(preimage), agreement, t);
    }

    function settleTicks(uint256 k) private {
        channel.settleTicks(amount, preimage, agreement, ticks, k, w[k], signature);
    }

    function refuse(IConsumerChannel.Ticks memory t, uint256 k, bytes32 element, bytes memory reason) private {
        bytes memory signed = signature;
        vm.expectRevert(reason);
        channel.settleTicks(amount, preimage, agreement, t, k, element, signed);
        equal(channel.settled(), 0, "nothing settled");
    }

    function test_pays_amount_and_each_tick_that_was_shown() public {
        uint256 clean = vm.snapshotState();
        for (uint256 k = 0; k <= max; ++k) {
            settleTicks(k);
            equal(channel.settled(), amount + k * value, "settled");
            equal(accountant.freeFunds(), amount + k * value, "paid");
            vm.revertToState(clean);
        }
    }

    function test_pays_only_what_later_ticks_add() public {
        settleTicks(3);
        vm.expectEmit(address(channel));
        emit IConsumerChannel.Settled(amount + 5 * value, 2 * value, amount + 5 * value, preimage);
        settleTicks(5);
        bytes memory reason = err(IChannelBooks.PromiseNotIncreasing.selector, amount + 5 * value, amount + 5 * value);
        vm.expectRevert(reason);
        settleTicks(5);
        vm.expectPartialRevert(IChannelBooks.PromiseNotIncreasing.selector);
        settleTicks(4);
    }

    function test_hashes_the_longest_chain() public {
        use(chainOf(1024, bytes32(uint256(9))), value, 1024);
        settleTicks(1024);
        equal(channel.settled(), amount + 1024 * value, "settled");
    }

    function test_refuses_an_element_of_another_place(uint256 k, uint256 shown) public {
        (k, shown) = (within(k, 0, max), within(shown, 0, max));
        vm.assume(k != shown);
        bytes32 hashed = w[shown];
        for (uint256 i = 0; i < k; ++i) {
            hashed = keccak256(abi.encodePacked(hashed));
        }
        refuse(ticks, k, w[shown], abi.encodeWithSelector(IConsumerChannel.TickNotOfChain.selector, w[0], hashed));
    }

    function test_refuses_an_element_of_no_chain(bytes32 element, uint256 k) public {
        k = within(k, 0, max);
        vm.assume(element != w[k]);
        bytes memory signed = signature;
        vm.expectPartialRevert(IConsumerChannel.TickNotOfChain.selector);
        channel.settleTicks(amount, preimage, agreement, ticks, k, element, signed);
    }

    function test_refuses_more_ticks_than_were_signed(uint256 k) public {
        k = within(k, max + 1, type(uint256).max);
        refuse(ticks, k, w[0], err(IConsumerChannel.TicksAboveMax.selector, max, k));
    }

    function test_refuses_chains_longer_than_1024(uint256 longer) public {
        longer = within(longer, 1025, type(uint256).max);
        IConsumerChannel.Ticks memory t = IConsumerChannel.Ticks(w[0], 0, longer);
        signature = signWith(t);
        refuse(t, 0, w[0], err(IConsumerChannel.TooManyTicks.selector, 1024, longer));
        bytes memory signed = signature;
        vm.expectRevert(err(IConsumerChannel.TooManyTicks.selector, 1024, longer));
        channel.holdTicks(amount, lockOf(preimage), agreement, t, signed);
    }

    function test_refuses_ticks_with_any_field_changed() public {
        bytes memory signed = signature;
        for (uint256 field = 0; field < 3; ++field) {
            IConsumerChannel.Ticks memory t = ticks;
            if (field == 0) t.root = w[1];
            if (field == 1) t.value += 1;
            if (field == 2) t.max += 1;
            vm.expectPartialRevert(ISigned.WrongSigner.selector);
            channel.settleTicks(amount, preimage, agreement, t, 0, t.root, signed);
            vm.expectPartialRevert(ISigned.WrongSigner.selector);
            channel.holdTicks(amount, lockOf(preimage), agreement, t, signed);
        }
    }

    function test_ticks_need_the_preimage_too() public {
        bytes memory signed = signature;
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settleTicks(amount, preimage2, agreement, ticks, 2, w[2], signed);
    }

    function test_a_promise_with_ticks_neither_settles_nor_holds_as_a_plain_one() public {
        bytes memory signed = signature;
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(amount, preimage, agreement, signed);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.hold(amount, lockOf(preimage), agreement, signed);
    }

    function test_a_plain_promise_neither_settles_nor_holds_with_ticks() public {
        bytes memory plain = payment(amount);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settleTicks(amount, preimage, agreement, ticks, 2, w[2], plain);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, plain);
    }

    /// @dev All-zero ticks are what a plain promise signs; so they add nothing.
    function test_a_plain_promise_pays_the_same_with_all_zero_ticks() public {
        bytes memory plain = payment(amount);
        channel.settleTicks(amount, preimage, agreement, IConsumerChannel.Ticks(0, 0, 0), 0, 0, plain);
        equal(channel.settled(), amount, "its amount");
    }

    function test_ticks_beyond_any_number_settle_and_hold_nothing() public {
        uint256 huge = type(uint256).max / 2;
        use(chainOf(3, bytes32(uint256(9))), huge, 3);
        bytes memory signed = signature;
        vm.expectRevert(overflow);
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, signed);
        vm.expectRevert(overflow);
        channel.settleTicks(amount, preimage, agreement, ticks, 3, w[3], signed);
        vm.expectRevert(overflow);
        channel.settleTicks(amount, preimage, agreement, ticks, 2, w[2], signed);
        // One of them still counts, and pays what there is.
        channel.settleTicks(amount, preimage, agreement, ticks, 1, w[1], signed);
        equal(channel.settled(), 10 ether, "all there was");
    }

    function test_a_chain_of_no_ticks_pays_its_amount() public {
        use(chainOf(0, bytes32(uint256(9))), value, 0);
        settleTicks(0);
        equal(channel.settled(), amount, "settled");
    }

    /// @notice C4: any order, any repeats of ticks and plain promises.
    function test_the_order_of_ticks_does_not_matter(uint256 seed) public {
        uint256 highest;
        for (uint256 i = 0; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 k = within(seed, 0, max);
            uint256 total = seed >> 255 == 0 ? amount + k * value : within(seed, 1, 2 ether);
            if (seed >> 255 == 0) {
                try channel.settleTicks(amount, preimage, agreement, ticks, k, w[k], signature) {} catch {}
            } else {
                try channel.settle(total, preimage, agreement, payment(total)) {} catch {}
            }
            if (total > highest) highest = total;
        }
        equal(channel.settled(), highest, "the highest");
    }

    // Holding

    function test_refuses_to_hold_ticks_without_a_hashlock() public {
        bytes memory signed = signTicks(aliceKey, address(channel), amount, 0, agreement, ticks);
        vm.expectRevert(err(ISigned.HashlockZero.selector));
        channel.holdTicks(amount, 0, agreement, ticks, signed);
    }

    function test_refuses_to_hold_ticks_again() public {
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, signature);
        uint256 held = amount + max * value;
        bytes memory signed = signature;
        vm.expectRevert(err(IChannelBooks.HoldNotIncreasing.selector, held, held));
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, signed);
    }

    function test_holds_all_ticks_that_were_signed() public {
        vm.expectEmit(address(channel));
        emit IConsumerChannel.Held(amount + max * value, lockOf(preimage));
        vm.prank(mallory);
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, signature);
        equal(channel.held(), amount + max * value, "held");
        equal(channel.settled(), 0, "settled");
    }

    /// @notice C16: an exit leaves all that ticks may still take; what was not spent leaves by a fast exit only.
    function test_unspent_ticks_leave_by_a_fast_exit_only() public {
        channel.holdTicks(amount, lockOf(preimage), agreement, ticks, signature);
        settleTicks(4);
        uint256 unspent = (max - 4) * value;
        requestExitOfAlice();
        pass(exitDelay);
        channel.finalizeExit();
        equal(balanceOf(alice), 10 ether - amount - max * value, "all but the ticks");
        equal(balanceOf(address(channel)), unspent, "unspent ticks");
        requestExitOfAlice();
        pass(exitDelay);
        vm.expectRevert(err(IChannelBooks.NothingToPay.selector, unspent, unspent));
        channel.finalizeExit();
        pass(3650 days);
        vm.expectRevert(err(IChannelBooks.NothingToPay.selector, unspent, unspent));
        channel.finalizeExit();

        IConsumerChannel.FastExit memory r =
            IConsumerChannel.FastExit(unspent, address(0), address(0), 0, anyNonce(), later);
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        channel.fastExit(r, alices, signFastExit(carolKey, address(channel), r));
        equal(balanceOf(address(channel)), 0, "nothing is left");
    }
}
