// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice Alice and Bob are one and the same, against an accountant that keeps the rules of payments.md §7: W28, C16, A1.
/// @dev Carol's fee is nought here, so nothing hides a loss. She has money of her own to pay Bob in advance.
contract ConsumerWithProviderTest is World {
    enum Step {
        FirstBatch,
        SecondBatch,
        Exit,
        HoldMore,
        FirstHalfOfTheDelay,
        SecondHalfOfTheDelay,
        Finalize,
        Settle
    }

    uint256 private constant steps = 8;
    uint256 private constant slots = 1 << 13;
    uint256 private constant brought = 10 ether;
    uint256 private constant carolsMoney = 30 ether;

    // Carol's ledger
    uint256[2] private amounts = [uint256(6 ether), 9 ether];
    bytes32[2] private secrets = [preimage, preimage2];
    uint256 private credited;
    uint256 private highest;
    bytes32 private highestLock;
    bool private carolHolds = true;

    // Bob's
    bytes private newest;
    bytes32 private newestSecret;
    uint256 private newestAmount;

    function setUp() public override {
        super.setUp();
        openAlice(brought);
        fund(address(accountant), carolsMoney);
    }

    function test_no_order_of_moves_gains_them_anything_or_costs_carol_anything() public {
        play(0, new bytes32[](slots));
    }

    /// @notice The control: an accountant that does not hold loses, and this test sees it.
    function test_an_accountant_that_does_not_hold_loses() public {
        carolHolds = false;
        doStep(Step.FirstBatch);
        doStep(Step.Exit);
        doStep(Step.FirstHalfOfTheDelay);
        doStep(Step.SecondHalfOfTheDelay);
        doStep(Step.Finalize);
        doStep(Step.Settle);
        equal(balanceOf(alice) + balanceOf(bob), brought + 6 ether, "they took six of Carol's");
    }

    /// @dev Every order of the steps; the game may end after each. A state that was seen is not played again.
    /// @param done the steps that were made, a bit each.
    function play(uint256 done, bytes32[] memory played) private {
        if (!enter(keccak256(abi.encode(done, state())), played)) return;
        check();
        for (uint256 i = 0; i < steps; ++i) {
            if (done & (1 << i) != 0) continue;
            uint256 before = vm.snapshotState();
            doStep(Step(i));
            play(done | (1 << i), played);
            vm.revertToStateAndDelete(before);
        }
    }

    function state() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                vm.getBlockTimestamp(),
                channel.exit(),
                channel.held(),
                channel.settled(),
                balanceOf(address(channel)),
                accountant.providerOf(bob).settled,
                credited
            )
        );
    }

    /// @dev A set of what was played, in memory: storage is what goes back.
    function enter(bytes32 entry, bytes32[] memory played) private pure returns (bool) {
        uint256 i = uint256(entry) % slots;
        while (played[i] != 0) {
            if (played[i] == entry) return false;
            i = (i + 1) % slots;
        }
        played[i] = entry;
        return true;
    }

    function doStep(Step step) private {
        if (step == Step.FirstBatch) batch(0);
        if (step == Step.SecondBatch) batch(1);
        if (step == Step.Exit) requestExitOfAlice();
        if (step == Step.HoldMore) {
            try channel.hold(10 ether, lockOf("other"), agreement, payment(10 ether, "other")) {} catch {}
        }
        if (step == Step.FirstHalfOfTheDelay || step == Step.SecondHalfOfTheDelay) wait();
        if (step == Step.Finalize) try channel.finalizeExit() {} catch {}
        if (step == Step.Settle) settle();
    }

    /// @dev §7: total grew, capacity, exit rule, prefix condition (one agreement: amounts and totals grow together).
    function batch(uint256 i) private {
        if (amounts[i] <= credited) return;
        if (amounts[i] > balanceOf(address(channel)) + channel.settled()) return;
        uint256 dueAt = channel.exit().dueAt;
        if (dueAt != 0 && vm.getBlockTimestamp() + exitDelay / 2 >= dueAt) return;
        credited = amounts[i];
        (highest, highestLock) = (amounts[i], lockOf(secrets[i]));
        newest = signAccountantPromise(carolKey, address(accountant), bob, credited, highestLock);
        (newestSecret, newestAmount) = (secrets[i], credited);
    }

    /// @dev Within a quarter of the delay Carol holds the highest credited amount of a channel under exit.
    function wait() private {
        pass(exitDelay / 4);
        if (carolHolds && channel.exit().dueAt != 0 && highest > channel.settled() && highest > channel.held()) {
            bytes32 secret = highestLock == lockOf(preimage) ? preimage : preimage2;
            channel.hold(highest, highestLock, agreement, payment(highest, secret));
        }
        pass(exitDelay / 4);
    }

    /// @dev Bob shows his preimage to be paid; Carol reads it and collects with it.
    function settle() private {
        if (newestAmount <= accountant.providerOf(bob).settled) return;
        vm.prank(bob);
        accountant.settle(bob, newestAmount, newestSecret, newest);
        if (highest > channel.settled() && balanceOf(address(channel)) != 0) {
            channel.settle(highest, newestSecret, agreement, payment(highest, newestSecret));
        }
    }

    /// @dev The end of the game: Bob takes all he was promised, and they wait until nothing more can leave the channel.
    function check() private {
        uint256 before = vm.snapshotState();
        wait();
        wait();
        try channel.finalizeExit() {} catch {}
        settle();
        uint256 theirs = balanceOf(alice) + balanceOf(bob) + balanceOf(address(channel));
        uint256 carols = accountant.freeFunds();
        if (theirs > brought) revert NotEqual(theirs, brought, "they have what they brought at most");
        if (carols < carolsMoney) revert NotEqual(carols, carolsMoney, "Carol lost nothing");
        vm.revertToStateAndDelete(before);
    }
}
