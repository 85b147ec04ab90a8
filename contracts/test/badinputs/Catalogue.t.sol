// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/accountant/IBooks.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IAccountant, IFunds} from "../../src/interfaces/IAccountant.sol";
import {IChannelBooks} from "../../src/interfaces/IChannelBooks.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {ISigned} from "../../src/interfaces/ISigned.sol";
import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice The catalogue of bad contract calls, by number; K79 is `Matrix.t.sol`, K84 `StrangeTokens.t.sol`.
contract CatalogueTest is World {
    function setUp() public override {
        super.setUp();
        openAlice(10 ether);
        fund(address(accountant), 10 ether);
    }

    // 80: amounts

    function test_80_a_channel_at_the_edges_of_its_amounts() public {
        bytes memory signature = payment(0);
        vm.expectRevert(err(IChannelBooks.PromiseNotIncreasing.selector, 0, 0));
        channel.settle(0, preimage, agreement, signature);
        settleChannel(1);
        equal(channel.settled(), 1, "one base unit");
        signature = payment(1);
        vm.expectRevert(err(IChannelBooks.PromiseNotIncreasing.selector, 1, 1));
        channel.settle(1, preimage, agreement, signature);
        uint256 clean = vm.snapshotState();
        uint256[4] memory around = [10 ether - 1, 10 ether, 10 ether + 1, type(uint256).max];
        for (uint256 i = 0; i < 4; ++i) {
            settleChannel(around[i]);
            equal(channel.settled(), around[i] < 10 ether ? around[i] : 10 ether, "settled");
            vm.revertToState(clean);
        }
    }

    function test_80_an_accountant_at_the_edges_of_its_amounts() public {
        stakeBob(3 ether);
        refuseSettling(bob, carolKey, 0, err(IBooks.PromiseNotIncreasing.selector, 0, 0));
        settleBob(1);
        refuseSettling(bob, carolKey, 1, err(IBooks.PromiseNotIncreasing.selector, 1, 1));
        uint256 clean = vm.snapshotState();
        uint256[4] memory around = [10 ether - 1, 10 ether, 10 ether + 1, type(uint256).max];
        for (uint256 i = 0; i < 4; ++i) {
            settleBob(around[i]);
            equal(balanceOf(bob), around[i] < 10 ether ? around[i] : 10 ether, "paid");
            vm.revertToState(clean);
        }
    }

    function test_80_stakes_beyond_what_the_books_hold_are_refused() public {
        uint256 huge = uint256(type(uint96).max) + 1;
        fund(address(accountant), huge * 2);
        fund(bob, huge);
        vm.startPrank(bob);
        token.approve(address(accountant), type(uint256).max);
        vm.expectRevert(err(IBooks.AmountTooLarge.selector, huge));
        accountant.increaseStake(bob, huge);
        vm.expectRevert();
        accountant.increaseStake(bob, type(uint256).max);
        accountant.increaseStake(bob, huge - 1);
        vm.stopPrank();
        equal(guaranteeOf(bob), type(uint96).max, "the largest");
    }

    // 81: fees

    function test_81_fees_of_an_order_at_and_above_the_amount_and_the_balance() public {
        uint256[4] memory fees = [uint256(3 ether), 3 ether + 1, 1000 ether, type(uint256).max];
        for (uint256 i = 0; i < 4; ++i) {
            refuseOrder(tom, order(3 ether, tom, fees[i]), err(IBooks.FeeNotCovered.selector, 3 ether, fees[i]));
            ISettlements.SettleOrder memory o = order(3 ether, tom, fees[i]);
            o.into = 1;
            refuseOrder(tom, o, err(IBooks.FeeNotCovered.selector, 3 ether, fees[i]));
        }
    }

    function test_81_fees_of_exits_and_decreases() public {
        IConsumerChannel.FastExit memory f = IConsumerChannel.FastExit(1 ether, alice, tom, 1 ether + 1, 1, later);
        bytes memory alices = signFastExit(aliceKey, address(channel), f);
        bytes memory carols = signFastExit(carolKey, address(channel), f);
        vm.prank(tom);
        vm.expectRevert(err(IConsumerChannel.FeeAboveAmount.selector, 1 ether, 1 ether + 1));
        channel.fastExit(f, alices, carols);
        stakeBob(2 ether);
        IStakes.StakeDecrease memory d = IStakes.StakeDecrease(bob, 1 ether, tom, 1 ether + 1, 1, later);
        bytes memory signature = signDecrease(bobKey, address(accountant), d);
        vm.prank(tom);
        vm.expectRevert(err(IStakes.FeeAboveAmount.selector, 1 ether, 1 ether + 1));
        accountant.decreaseStake(d, signature);
        d.fee = 1 ether;
        signature = signDecrease(bobKey, address(accountant), d);
        vm.prank(tom);
        accountant.decreaseStake(d, signature);
        pass(exitDelay);
        accountant.finalizeStakeDecrease(bob);
        equal(balanceOf(tom), 1 ether, "all of it, as he signed");
    }

    // 82: signatures of every length

    function test_82_signatures_of_any_other_length_are_refused_everywhere(uint256 length, bytes32 filling) public {
        length = within(length, 0, 130);
        vm.assume(length != 65);
        bytes memory bad = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            bad[i] = filling[i % 32];
        }
        bytes memory reason = err(ISigned.SignatureLength.selector, length);
        vm.expectRevert(reason);
        channel.settle(1 ether, preimage, agreement, bad);
        vm.expectRevert(reason);
        channel.hold(1 ether, lockOf(preimage), agreement, bad);
        vm.prank(bob);
        vm.expectRevert(reason);
        accountant.settle(bob, 1 ether, preimage, bad);
        vm.expectRevert(reason);
        accountant.changeSettleWish(ISettlements.SettleWish(bob, true, true, 1, later), bad);
    }

    // 83: initializing again, and what could destroy code

    function test_83_nobody_initializes_again() public {
        address[4] memory others = [carolsOwner, carol, mallory, address(accountant)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(IAccountant.NotRegistry.selector, others[i]));
            accountant.initialize(mallory, mallory, 0, 0);
        }
        vm.prank(address(registry));
        vm.expectRevert(err(IBooks.AlreadyInitialized.selector));
        accountant.initialize(mallory, mallory, 0, 0);
    }

    /// @dev Only a delegatecall or a selfdestruct could replace code; there is neither behind the clones.
    function test_83_no_code_of_ours_destroys_or_delegates() public view {
        notIn(registry.accountantImplementation().code);
        notIn(registry.channelImplementation().code);
    }

    function notIn(bytes memory code) private pure {
        for (uint256 i = 0; i < code.length; ++i) {
            uint8 op = uint8(code[i]);
            holds(op != 0xff && op != 0xf4 && op != 0xf2, "selfdestruct, delegatecall or callcode");
            if (op >= 0x60 && op <= 0x7f) i += op - 0x5f;
        }
    }

    // 85: coin and presents

    function test_85_coin_is_refused_by_all() public {
        vm.deal(mallory, 10);
        address[5] memory all = [
            address(registry),
            address(accountant),
            address(channel),
            registry.channelImplementation(),
            registry.accountantImplementation()
        ];
        for (uint256 i = 0; i < 5; ++i) {
            vm.prank(mallory);
            (bool done,) = all[i].call{value: 1}("");
            holds(!done, "refused");
            vm.prank(mallory);
            (done,) = all[i].call{value: 1}(abi.encodeCall(ISigned.cancelNonce, (i)));
            holds(!done, "refused with a call");
        }
    }

    function test_85_forced_coin_and_presents_change_no_sum() public {
        stakeBob(2 ether);
        // As a block's reward or a contract that ends can force it: nobody can refuse that.
        vm.deal(address(accountant), 1);
        vm.deal(address(channel), 1);
        equal(accountant.freeFunds(), 8 ether, "free");
        settleBob(1 ether);
        settleChannel(1 ether);
        vm.prank(alice);
        channel.recoverNative(alice);
        equal(alice.balance, 1, "Alice has what was forced upon her");
        equal(channel.settled(), 1 ether, "settled");
        fund(address(accountant), 5 ether);
        equal(accountant.freeFunds(), 8 ether - 1 ether + 1 ether + 5 ether, "a present is free");
    }

    // 86: opening

    function test_86_opening_before_and_after_a_top_up_by_anybody_comes_to_the_same() public {
        address bobs = registry.channelAddress(bob, address(accountant));
        uint256 clean = vm.snapshotState();
        for (uint256 i = 0; i < 4; ++i) {
            if (i % 2 == 0) fund(bobs, 1 ether);
            vm.prank(i < 2 ? mallory : bob);
            registry.openChannel(bob, address(accountant));
            vm.prank(mallory);
            equal(registry.openChannel(bob, address(accountant)), bobs, "again");
            if (i % 2 == 1) fund(bobs, 1 ether);
            equal(IConsumerChannel(bobs).identity(), bob, "identity");
            equal(balanceOf(bobs), 1 ether, "money");
            vm.revertToState(clean);
        }
    }

    function test_86_a_channel_with_an_unknown_accountant_opens_and_lets_its_money_out() public {
        address unknown = address(0xdeaf);
        IConsumerChannel c = IConsumerChannel(registry.openChannel(alice, unknown));
        fund(address(c), 1 ether);
        IConsumerChannel.FastExit memory f = IConsumerChannel.FastExit(1 ether, alice, address(0), 0, 1, later);
        bytes memory alices = signFastExit(aliceKey, address(c), f);
        vm.expectRevert();
        c.fastExit(f, alices, alices);
        IConsumerChannel.ExitRequest memory r = IConsumerChannel.ExitRequest(alice, address(0), 0, 1, later);
        c.requestExit(r, signExit(aliceKey, address(c), r));
        pass(exitDelay);
        c.finalizeExit();
        equal(balanceOf(alice), 1 ether, "out");
    }

    // 87: deadlines

    function test_87_deadlines_one_second_ago_now_and_never() public {
        uint256[3] memory deadlines = [block.timestamp - 1, block.timestamp, type(uint256).max];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory late = err(ISigned.DeadlinePassed.selector, deadlines[0], block.timestamp);
            ISettlements.SettleWish memory w = ISettlements.SettleWish(bob, true, true, i, deadlines[i]);
            bytes memory signature = signWish(bobKey, address(accountant), w);
            if (i == 0) vm.expectRevert(late);
            accountant.changeSettleWish(w, signature);

            ISettlements.SettleOrder memory o = order((i + 1) * 1 ether, address(0), 0);
            (o.nonce, o.deadline) = (100 + i, deadlines[i]);
            if (i == 0) refuseOrder(tom, o, late);
            else sendOrder(tom, o);

            IConsumerChannel.ExitRequest memory r =
                IConsumerChannel.ExitRequest(alice, address(0), 0, 100 + i, deadlines[i]);
            signature = signExit(aliceKey, address(channel), r);
            if (i == 0) vm.expectRevert(late);
            channel.requestExit(r, signature);
            IConsumerChannel.ExitCancel memory c = IConsumerChannel.ExitCancel(200 + i, deadlines[i]);
            signature = signExitCancel(aliceKey, address(channel), c);
            if (i == 0) continue;
            channel.cancelExit(c, signature);
        }
    }

    // 88: calldata

    /// @dev The last byte of an address argument's padding, or a bool of two: nobody reads it as something else.
    function test_88_dirty_upper_bytes_are_refused() public {
        bytes memory data = abi.encodeCall(ISettlements.settle, (bob, 1 ether, preimage, promiseOf(1 ether)));
        dirty(address(accountant), bob, data, 4);
        data = abi.encodeCall(IRegistry.openChannel, (bob, address(accountant)));
        dirty(address(registry), bob, data, 4);
        dirty(address(registry), bob, data, 36);
        ISettlements.SettleWish memory w = ISettlements.SettleWish(bob, true, true, 1, later);
        data = abi.encodeCall(ISettlements.changeSettleWish, (w, signWish(bobKey, address(accountant), w)));
        dirty(address(accountant), bob, data, 4);
        dirty(address(accountant), bob, data, 36);
        dirty(address(accountant), bob, data, 68);
        ISettlements.SettleOrder memory o = order(1 ether, address(0), 0);
        data = abi.encodeCall(
            ISettlements.settleWithOrder, (o, preimage, promiseOf(1 ether), signOrder(bobKey, address(accountant), o))
        );
        dirty(address(accountant), bob, data, 4);
        dirty(address(accountant), bob, data, 36);
    }

    function dirty(address target, address sender, bytes memory data, uint256 word) private {
        uint256 clean = vm.snapshotState();
        vm.prank(sender);
        (bool done,) = target.call(data);
        holds(done, "it is good without the dirt");
        vm.revertToState(clean);
        for (uint256 i = 0; i < 12; ++i) {
            bytes memory dirtied = bytes.concat(data);
            dirtied[word + i] = 0x01;
            vm.prank(sender);
            (done,) = target.call(dirtied);
            holds(!done, "dirt");
        }
    }

    function test_88_short_calldata_is_refused_at_every_length() public {
        bytes memory data = abi.encodeCall(ISettlements.settle, (bob, 1 ether, preimage, promiseOf(1 ether)));
        short(address(accountant), bob, data);
        data = abi.encodeCall(IConsumerChannel.settle, (1 ether, preimage, agreement, payment(1 ether)));
        short(address(channel), tom, data);
        data = abi.encodeCall(IStakes.increaseStake, (bob, 1));
        short(address(accountant), bob, data);
    }

    function short(address target, address sender, bytes memory data) private {
        uint256 needed = data.length;
        // What is behind the signature's 65 bytes is padding.
        if (needed > 100) needed -= 31;
        for (uint256 length = 0; length < needed; ++length) {
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length; ++i) {
                cut[i] = data[i];
            }
            vm.prank(sender);
            (bool done,) = target.call(cut);
            holds(!done, "short");
        }
    }
}
