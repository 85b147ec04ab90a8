// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../../src/interfaces/accountant/IBooks.sol";
import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice Mallory is rich, and stakes to hurt Carol; or sends dust to confuse the books: W34, K85.
contract RichStakerTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
        fund(mallory, 1_000_000 ether);
        vm.startPrank(mallory);
        token.approve(address(accountant), type(uint256).max);
        vm.stopPrank();
    }

    function test_stakes_of_any_size_for_anybody_start_no_punishment(uint256 seed) public {
        stakeFor(dave, 2 ether);
        for (uint256 i = 0; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address whom = seed % 3 == 0 ? dave : seed % 3 == 1 ? mallory : bob;
            vm.prank(mallory);
            try accountant.increaseStake(whom, within(seed >> 8, 1, 4 ether)) {} catch {}
            try accountant.rebalance(whom) {} catch {}
            accountant.updatePunishment();
            equal(accountant.punishedSince(), 0, "nobody is punished");
            equal(accountant.totalGuarantee(), accountant.totalStake(), "every guarantee is whole");
        }
    }

    /// @notice At most what is free becomes her guarantee, for as long as her own money lies there too.
    function test_she_locks_no_more_than_she_lays_down() public {
        vm.startPrank(mallory);
        accountant.increaseStake(mallory, 10 ether);
        vm.expectRevert(err(IBooks.GuaranteeUncovered.selector, 0, 1));
        accountant.increaseStake(mallory, 1);
        vm.stopPrank();
        equal(accountant.punishedSince(), 0, "nobody is punished");
        fund(address(accountant), 3 ether);
        settleBob(3 ether);
        equal(accountant.punishedSince(), 0, "new money pays others as ever");
    }

    function test_raising_bobs_stake_takes_nothing_of_bobs() public {
        stakeBob(2 ether);
        vm.prank(mallory);
        accountant.increaseStake(bob, 3 ether);
        takeStakeBack(bobKey, 5 ether);
        equal(balanceOf(bob), 5 ether, "it is a present");
    }

    /// @notice An accountant short of money stays short by others' stakes, but no more than it was.
    function test_a_stake_before_a_settlement_cannot_outrun_it() public {
        stakeBob(4 ether);
        bytes memory promised = promiseOf(6 ether);
        vm.prank(mallory);
        accountant.increaseStake(mallory, 6 ether);
        vm.prank(bob);
        accountant.settle(bob, 6 ether, preimage, promised);
        equal(balanceOf(bob), 4 ether, "at least his guarantee");
    }

    function test_dust_changes_nothing_but_free_funds(uint256 dust) public {
        dust = within(dust, 1, 1 ether);
        openAlice(10 ether);
        stakeBob(4 ether);
        vm.startPrank(mallory);
        token.transfer(address(accountant), dust);
        token.transfer(address(channel), dust);
        vm.stopPrank();
        equal(accountant.freeFunds(), 6 ether + dust, "free");
        settleChannel(3 ether);
        equal(channel.settled(), 3 ether, "channel's settled");
        settleBob(5 ether);
        equal(guaranteeOf(bob), 4 ether, "guarantee");
        requestExitOfAlice();
        pass(exitDelay);
        channel.finalizeExit();
        equal(balanceOf(alice), 7 ether + dust, "Alice keeps the dust");
    }
}
