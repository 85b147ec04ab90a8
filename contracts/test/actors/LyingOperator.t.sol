// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/accountant/IBooks.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice Carol lies, with both her keys, Alice and Bob on her side, and Dave has a guarantee: W23, W24, C8, C9.
contract LyingOperatorTest is World {
    uint256 private constant moves = 12;
    uint256 private constant davesStake = 8 ether;
    uint256 private constant davesMoney = 20 ether;

    function setUp() public override {
        super.setUp();
        fund(address(accountant), 20 ether);
        stakeFor(dave, davesStake);
        stakeFor(bob, 6 ether);
        openAlice(10 ether);
        wish(bobKey, true, true);
        fund(bob, 20 ether);
        vm.prank(bob);
        token.approve(address(accountant), 1_000_000 ether);
    }

    function operatorKey() private view returns (uint256) {
        return accountant.rotations() == 0 ? carolKey : newKey + accountant.rotations() - 1;
    }

    /// @dev One of their moves; it may be refused.
    function move(uint256 what, uint256 size) external {
        if (what == 0) settleFor(bob, operatorKey(), accountant.providerOf(bob).settled + size);
        if (what == 1) settleFor(bob, operatorKey(), 1_000_000 ether);
        if (what == 2) settleFor(bob, carolKey, 1_000_000 ether);
        if (what == 3) payout(bob, accountant.providerOf(bob).settled + size);
        if (what == 4) fastExit(size);
        if (what == 5) rotateTo(newKey + accountant.rotations());
        if (what == 6) takeStakeBack(bobKey, size);
        if (what == 7) {
            announceWithdrawal(type(uint256).max);
            pass(exitDelay);
            withdraw();
        }
        if (what == 8) close();
        if (what == 9) pass(3 days + size % 60 days);
        if (what == 10) accountant.rebalance(bob);
        if (what == 11) {
            vm.prank(bob);
            accountant.increaseStake(bob, size);
        }
    }

    function fastExit(uint256 amount) private {
        IConsumerChannel.FastExit memory r =
            IConsumerChannel.FastExit(amount, address(0), address(0), 0, anyNonce(), later);
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        channel.fastExit(r, alices, signFastExit(operatorKey(), address(channel), r));
    }

    /// @dev Dave takes his guarantee with the promise he holds, and his stake.
    function checkDave() private {
        equal(guaranteeOf(dave), davesStake, "nobody touched it");
        bytes memory promised = promiseBy(carolKey, dave, davesStake);
        vm.prank(dave);
        accountant.settle(dave, davesStake, preimage, promised);
        takeStakeBack(daveKey, davesStake);
        equal(balanceOf(dave), 2 * davesStake, "guarantee and stake");
    }

    function test_whatever_they_do_dave_gets_his_guarantee_and_his_stake(uint256 seed) public {
        for (uint256 i = 0; i < 20; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            try this.move(seed % moves, within(seed >> 8, 1, 12 ether)) {} catch {}
        }
        checkDave();
    }

    /// @notice The same, for every order of five moves that each hurt by themselves.
    function test_in_every_order_of_the_worst_moves() public {
        uint256[6] memory worst = [uint256(1), 2, 5, 7, 8, 9];
        play(worst, 0);
    }

    function play(uint256[6] memory worst, uint256 done) private {
        if (done == 63) checkDave();
        for (uint256 i = 0; i < 6; ++i) {
            if (done & (1 << i) != 0) continue;
            uint256 before = vm.snapshotState();
            try this.move(worst[i], 60 days - 1) {} catch {}
            play(worst, done | (1 << i));
            vm.revertToStateAndDelete(before);
        }
    }

    /// @notice A promise of Bob's beyond all bounds is paid from what is free and his own, never from Dave's.
    function test_a_promise_beyond_all_bounds_takes_nothing_of_anothers() public {
        pass(30 days);
        settleFor(bob, carolKey, 1_000_000 ether);
        equal(balanceOf(bob), 20 ether + 6 ether + 6 ether, "his money, what was free, his guarantee");
        pass(3 days);
        settleFor(bob, carolKey, 1_000_000 ether);
        equal(balanceOf(bob), 38 ether, "and his guarantee once more, out of Carol's own stake");
        checkDave();
    }

    /// @notice Carol cannot lower what Dave was paid, nor have a promise of his settled elsewhere.
    function test_an_operator_settling_for_dave_pays_dave() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](1);
        items[0] = settlement(dave, 3 ether);
        vm.prank(carol);
        accountant.settleMany(items);
        equal(balanceOf(dave), 3 ether, "Dave");
        equal(balanceOf(carol) + balanceOf(carolsOwner), 0, "not Carol");
        refuseSettling(dave, carolKey, 2 ether, err(IBooks.PromiseNotIncreasing.selector, 3 ether, 2 ether));
    }
}
