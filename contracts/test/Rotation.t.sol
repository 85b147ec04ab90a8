// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {IRotation} from "../src/interfaces/accountant/IRotation.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {ITreasury} from "../src/interfaces/accountant/ITreasury.sol";
import {IFunds} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Announcing and replacing the operator.
contract AnnouncingRotationTest is World {
    function test_only_the_owner_announces_and_cancels() public {
        address[3] memory others = [carol, bob, mallory];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(ITreasury.NotOwner.selector, others[i]));
            accountant.announceRotation(others[i]);
            vm.prank(others[i]);
            vm.expectRevert(err(ITreasury.NotOwner.selector, others[i]));
            accountant.cancelRotation();
        }
    }

    function test_refuses_nobody_and_keys_that_were_operator_before() public {
        vm.startPrank(carolsOwner);
        vm.expectRevert(err(IBooks.OperatorZero.selector));
        accountant.announceRotation(address(0));
        vm.expectRevert(err(IRotation.OperatorUsedBefore.selector, carol));
        accountant.announceRotation(carol);
        vm.stopPrank();
        rotateTo(newKey);
        rotateTo(newKey + 1);
        address[3] memory used = [carol, vm.addr(newKey), vm.addr(newKey + 1)];
        for (uint256 i = 0; i < used.length; ++i) {
            vm.prank(carolsOwner);
            vm.expectRevert(err(IRotation.OperatorUsedBefore.selector, used[i]));
            accountant.announceRotation(used[i]);
        }
    }

    /// @notice A standing announcement would be no notice.
    function test_refuses_to_rotate_long_after_the_notice() public {
        announceRotation(newKey);
        uint256 until = block.timestamp + 2 * rotationNotice;
        pass(2 * rotationNotice + 1);
        vm.expectRevert(err(IRotation.RotationExpired.selector, until, until + 1));
        accountant.rotate();
        announceRotation(newKey);
        pass(2 * rotationNotice);
        accountant.rotate();
        equal(accountant.operator(), vm.addr(newKey), "at the last moment");
    }

    function test_refuses_to_rotate_unannounced_cancelled_or_before_the_notice() public {
        vm.expectRevert(err(IRotation.RotationNotAnnounced.selector));
        accountant.rotate();
        vm.prank(carolsOwner);
        vm.expectRevert(err(IRotation.RotationNotAnnounced.selector));
        accountant.cancelRotation();
        announceRotation(newKey);
        uint256 dueAt = block.timestamp + rotationNotice;
        pass(rotationNotice - 1);
        vm.expectRevert(err(IFunds.TooEarly.selector, dueAt, dueAt - 1));
        accountant.rotate();
        vm.prank(carolsOwner);
        accountant.cancelRotation();
        pass(1);
        vm.expectRevert(err(IRotation.RotationNotAnnounced.selector));
        accountant.rotate();
        equal(accountant.operator(), carol, "operator");
    }

    function test_a_new_announcement_replaces_the_old_and_its_notice() public {
        announceRotation(newKey);
        pass(rotationNotice - 1);
        announceRotation(newKey + 1);
        pass(1);
        vm.expectPartialRevert(IFunds.TooEarly.selector);
        accountant.rotate();
        pass(rotationNotice - 1);
        accountant.rotate();
        equal(accountant.operator(), vm.addr(newKey + 1), "the last one");
    }

    function test_anybody_rotates_when_the_notice_is_over() public {
        announceRotation(newKey);
        (address next, uint256 dueAt) = accountant.nextOperator();
        equal(next, vm.addr(newKey), "next");
        equal(dueAt, block.timestamp + rotationNotice, "due");
        pass(rotationNotice);
        vm.expectEmit(address(accountant));
        emit IRotation.OperatorRotated(carol, vm.addr(newKey), 1);
        vm.prank(mallory);
        accountant.rotate();
        equal(accountant.operator(), vm.addr(newKey), "operator");
        equal(accountant.replacedIn(carol), 1, "Carol's old key");
        equal(accountant.rotations(), 1, "one rotation");
        (next, dueAt) = accountant.nextOperator();
        equal(next, address(0), "none announced");
        vm.expectRevert(err(IRotation.RotationNotAnnounced.selector));
        accountant.rotate();
    }

    function test_the_next_operator_signs_nothing_before_its_time() public {
        fund(address(accountant), 10 ether);
        announceRotation(newKey);
        pass(rotationNotice);
        refuseSettling(bob, newKey, 1 ether, err(ISigned.WrongSigner.selector, carol, vm.addr(newKey)));
        accountant.rotate();
        settleFor(bob, newKey, 1 ether);
        equal(balanceOf(bob), 1 ether, "in its time");
    }

    /// @notice The hot key's other powers end with the rotation.
    function test_a_replaced_key_neither_settles_for_others_nor_signs_exits_or_urls() public {
        fund(address(accountant), 10 ether);
        openAlice(5 ether);
        rotateTo(newKey);
        bytes memory promised = promiseBy(newKey, bob, 1 ether);
        vm.prank(carol);
        vm.expectRevert(err(ISettlements.MayNotSettle.selector, bob, carol));
        accountant.settle(bob, 1 ether, preimage, promised);

        IConsumerChannel.FastExit memory r = IConsumerChannel.FastExit(1 ether, address(0), address(0), 0, 1, later);
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        bytes memory carols = signFastExit(carolKey, address(channel), r);
        vm.expectRevert(err(ISigned.WrongSigner.selector, vm.addr(newKey), carol));
        channel.fastExit(r, alices, carols);
        channel.fastExit(r, alices, signFastExit(newKey, address(channel), r));

        IRegistry.UrlChange memory change = IRegistry.UrlChange(address(accountant), "http://bad.example", 1, later);
        bytes memory signature = signUrlChange(carolKey, address(registry), change);
        vm.expectRevert(err(ISigned.WrongSigner.selector, vm.addr(newKey), carol));
        registry.changeUrl(change, signature);
    }
}

/// @notice What promises of replaced keys still take: W35, payments.md §8 and §11.
contract ReplacedKeysTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 20 ether);
    }

    /// @dev Settles with an old key as much as it lets out.
    function takeAll(address provider, uint256 key) private returns (uint256 taken) {
        uint256 before = balanceOf(provider);
        bytes memory signature = promiseBy(key, provider, 1_000_000 ether);
        vm.prank(provider);
        try accountant.settle(provider, 1_000_000 ether, preimage, signature) {} catch {}
        return balanceOf(provider) - before;
    }

    /// @notice W35: a rotation voids nothing that the guarantee covers.
    function test_a_promise_of_the_replaced_key_is_paid_from_the_guarantee() public {
        stakeFor(bob, 4 ether);
        bytes memory promised = promiseOf(3 ether);
        rotateTo(newKey);
        equal(accountant.replacedKeyLimit(bob, 1), 4 ether, "limit");
        vm.prank(bob);
        accountant.settle(bob, 3 ether, preimage, promised);
        equal(balanceOf(bob), 3 ether, "paid");
        equal(guaranteeOf(bob), 1 ether, "from the guarantee");
        equal(accountant.freeFunds(), 16 ether, "and from nothing else");
        equal(accountant.replacedKeyLimit(bob, 1), 1 ether, "limit");
        equal(accountant.punishedSince(), 0, "free funds cover what it lacks");
    }

    function test_nothing_is_paid_to_a_provider_without_a_guarantee() public {
        rotateTo(newKey);
        refuseSettling(dave, carolKey, 1 ether, err(IBooks.NothingToPay.selector));
        equal(accountant.replacedKeyLimit(dave, 1), 0, "limit");
    }

    function test_the_new_key_re_signs_what_the_old_one_promised() public {
        bytes memory old = promiseTo(dave, 5 ether);
        rotateTo(newKey);
        vm.prank(dave);
        vm.expectRevert(err(IBooks.NothingToPay.selector));
        accountant.settle(dave, 5 ether, preimage, old);
        settleFor(dave, newKey, 5 ether);
        equal(balanceOf(dave), 5 ether, "paid");
    }

    function test_the_current_key_is_paid_as_ever_beside_a_replaced_one() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        takeAll(bob, carolKey);
        equal(balanceOf(bob), 4 ether, "the old key took the guarantee");
        settleFor(bob, newKey, 10 ether);
        equal(balanceOf(bob), 10 ether, "the new one's promise is paid in full");
        equal(guaranteeOf(bob), 4 ether, "and free funds refilled the guarantee");
    }

    function test_a_key_that_never_was_operator_signs_nothing() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        refuseSettling(bob, bobKey, 1 ether, err(ISigned.WrongSigner.selector, vm.addr(newKey), bob));
    }

    function test_a_promise_of_a_replaced_key_never_becomes_stake() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0);
        o.into = 1;
        refuseOrder(tom, o, err(ISettlements.ReplacedKeyIntoStake.selector, 1));
    }

    function test_a_promise_of_a_replaced_key_pays_the_orders_fee_out_of_the_guarantee() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        refuseOrder(tom, order(5 ether, tom, 1 ether), err(IBooks.Underpaid.selector, 5 ether, 4 ether));
        refuseOrder(tom, order(4 ether, tom, 4 ether), err(IBooks.FeeNotCovered.selector, 4 ether, 4 ether));
        sendOrder(tom, order(4 ether, tom, 1 ether));
        equal(balanceOf(tom), 1 ether, "Tom");
        equal(balanceOf(bob), 3 ether, "Bob");
        equal(accountant.freeFunds(), 16 ether, "free");
    }

    /// @notice It neither leaves anybody short nor draws on what backs guarantees.
    function test_a_replaced_key_makes_nobody_short() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        equal(takeAll(bob, carolKey), 4 ether, "the guarantee");
        equal(accountant.shortProviders(), 0, "nobody is short");
        pass(30 days);
        equal(takeAll(bob, carolKey), 0, "no more, however long he waits");
        equal(accountant.operatorStake(), carolsStake, "Carol's stake");
    }

    function test_all_payments_together_stay_within_the_guarantee_at_the_rotation() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        settleFor(bob, carolKey, 1 ether);
        accountant.rebalance(bob);
        settleFor(bob, carolKey, 3 ether);
        accountant.rebalance(bob);
        equal(guaranteeOf(bob), 4 ether, "the guarantee is whole again");
        equal(takeAll(bob, carolKey), 1 ether, "but only one is left for the old key");
        accountant.rebalance(bob);
        equal(takeAll(bob, carolKey), 0, "a rebalance does not renew it");
    }

    function test_a_later_guarantee_is_not_for_it() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        stakeFor(bob, 6 ether);
        equal(guaranteeOf(bob), 10 ether, "guarantee");
        equal(accountant.replacedKeyLimit(bob, 1), 4 ether, "limit");
        equal(takeAll(bob, carolKey), 4 ether, "as it was at the rotation");
        stakeFor(dave, 2 ether);
        equal(takeAll(dave, carolKey), 0, "who had none then gets none");
    }

    function test_a_guarantee_that_shrank_since_pays_what_is_left() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        takeStakeBack(bobKey, 3 ether);
        uint256 had = balanceOf(bob);
        equal(takeAll(bob, carolKey), 1 ether, "the guarantee now");
        equal(balanceOf(bob) - had, 1 ether, "no more");
    }

    function test_a_guarantee_used_before_the_rotation_limits_it() public {
        fund(address(accountant), 0);
        stakeFor(bob, 10 ether);
        settleBob(14 ether);
        equal(guaranteeOf(bob), 6 ether, "what is left of it");
        rotateTo(newKey);
        fund(address(accountant), 50 ether);
        accountant.rebalance(bob);
        equal(accountant.replacedKeyLimit(bob, 1), 6 ether, "as it was at the rotation");
        equal(takeAll(bob, carolKey), 6 ether, "paid");
    }

    function test_each_replaced_key_has_the_guarantee_of_its_own_rotation() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        stakeFor(bob, 2 ether);
        rotateTo(newKey + 1);
        equal(accountant.replacedKeyLimit(bob, 1), 4 ether, "first");
        equal(accountant.replacedKeyLimit(bob, 2), 6 ether, "second");
        settleFor(bob, newKey, 5 ether);
        equal(accountant.replacedKeyLimit(bob, 1), 4 ether, "first, untouched");
        equal(accountant.replacedKeyLimit(bob, 2), 1 ether, "second, less what was paid");
        accountant.rebalance(bob);
        equal(takeAll(bob, carolKey), 4 ether, "first key");
        accountant.rebalance(bob);
        equal(takeAll(bob, newKey), 1 ether, "second key");
        accountant.rebalance(bob);
        equal(takeAll(bob, carolKey) + takeAll(bob, newKey), 0, "no more");
    }

    function test_rotations_between_which_nothing_changed_share_what_was_written_down() public {
        stakeFor(bob, 4 ether);
        rotateTo(newKey);
        rotateTo(newKey + 1);
        rotateTo(newKey + 2);
        equal(takeAll(bob, carolKey), 4 ether, "first key");
        accountant.rebalance(bob);
        equal(accountant.replacedKeyLimit(bob, 1), 0, "first");
        equal(accountant.replacedKeyLimit(bob, 2), 4 ether, "second");
        equal(accountant.replacedKeyLimit(bob, 3), 4 ether, "third");
        equal(accountant.replacedKeyLimit(bob, 0) + accountant.replacedKeyLimit(bob, 4), 0, "there are no others");
    }

    /// @notice The lazily written guarantee is the one at the rotation, whatever happened before, between and after.
    function test_the_limit_is_always_the_guarantee_at_the_rotation_less_what_was_paid(uint256 seed) public {
        uint256[4] memory atRotation;
        uint256[4] memory paid;
        uint256 rotations;
        fund(address(accountant), 30 ether);
        stakeFor(bob, 5 ether);
        for (uint256 i = 0; i < 16; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 size = within(seed >> 8, 1, 3 ether);
            uint256 what = seed % 8;
            if (what == 0 && rotations < 3) {
                atRotation[++rotations] = guaranteeOf(bob);
                rotateTo(newKey + rotations);
            } else if (what == 1 && accountant.punishedSince() == 0 && accountant.freeFunds() > 3 ether) {
                try this.stakeBobMore(size) {} catch {}
            } else if (what == 2) {
                fund(address(accountant), size);
                try accountant.rebalance(bob) {} catch {}
            } else if (what == 3) {
                uint256 key = rotations == 0 ? carolKey : newKey + rotations;
                settleFor(bob, key, accountant.providerOf(bob).settled + size);
            } else if (what == 4 && accountant.providerOf(bob).stake > size) {
                takeStakeBack(bobKey, size);
            } else if (what > 4 && rotations != 0) {
                uint256 rotation = within(seed >> 200, 1, rotations);
                uint256 key = rotation == 1 ? carolKey : newKey + rotation - 1;
                uint256 before = balanceOf(bob);
                bytes memory signature = promiseBy(key, bob, accountant.providerOf(bob).settled + size);
                vm.prank(bob);
                try accountant.settle(bob, accountant.providerOf(bob).settled + size, preimage, signature) {} catch {}
                paid[rotation] += balanceOf(bob) - before;
            }
            for (uint256 r = 1; r <= rotations; ++r) {
                equal(accountant.replacedKeyLimit(bob, r), atRotation[r] - paid[r], "limit");
            }
        }
    }

    /// @dev In its own call, so that it may fail.
    function stakeBobMore(uint256 amount) external {
        stakeFor(bob, amount);
    }
}
