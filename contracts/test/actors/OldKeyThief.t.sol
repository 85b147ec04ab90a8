// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {World} from "../support/World.sol";
import {vm} from "../support/Vm.sol";

/// @notice Mallory stole Carol's replaced key, and Bob helps: payments.md §11, last line but one; W35.
contract OldKeyThiefTest is World {
    uint256 private constant bobsStake = 6 ether;

    function setUp() public override {
        super.setUp();
        fund(address(accountant), 30 ether);
        stakeFor(bob, bobsStake);
        stakeFor(dave, 5 ether);
        rotateTo(newKey);
        fund(bob, 10 ether);
        vm.prank(bob);
        token.approve(address(accountant), 1_000_000 ether);
    }

    function move(uint256 what, uint256 size) external {
        if (what == 0) settleFor(bob, carolKey, accountant.providerOf(bob).settled + size);
        if (what == 1) settleFor(bob, carolKey, type(uint112).max);
        if (what == 2) accountant.rebalance(bob);
        if (what == 3) {
            vm.prank(bob);
            accountant.increaseStake(bob, size);
        }
        if (what == 4) takeStakeBack(bobKey, size);
        if (what == 5) pass(size % 30 days);
        if (what == 6) byOrder(size);
        if (what == 7) accountant.reportShortage(bob, size, preimage, promiseBy(carolKey, bob, size));
        if (what == 8) settleMany(size);
    }

    function byOrder(uint256 size) private {
        ISettlements.SettleOrder memory o = order(accountant.providerOf(bob).settled + size, mallory, size / 2);
        (o.nonce, o.allowPartial, o.into) = (anyNonce(), true, uint8(size % 2));
        sendOrder(mallory, o);
    }

    function settleMany(uint256 size) private {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](3);
        uint256 settled = accountant.providerOf(bob).settled;
        for (uint256 i = 0; i < 3; ++i) {
            items[i] = settlement(i == 1 ? mallory : bob, settled + (i + 1) * size);
        }
        vm.prank(bob);
        accountant.settleMany(items);
    }

    /// @notice Together they gain the guarantee at the rotation, and nothing more; everybody else has what was his.
    function test_a_thief_of_an_old_key_and_bob_gain_his_guarantee_at_most(uint256 seed) public {
        uint256 before = theirs();
        for (uint256 i = 0; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            try this.move(seed % 9, within(seed >> 8, 1, 8 ether)) {} catch {}
        }
        holds(theirs() <= before + bobsStake, "at most the guarantee at the rotation");
        equal(guaranteeOf(dave), 5 ether, "Dave's guarantee");
        equal(accountant.operatorStake() + accountant.reserve(), carolsStake, "what backs");
        equal(accountant.shortProviders(), 0, "nobody is short");
        settleFor(dave, newKey, 5 ether);
        equal(balanceOf(dave), 5 ether, "Carol's new key pays as ever");
    }

    /// @notice The control: they do gain that much, so the bound is not empty.
    function test_they_do_gain_it() public {
        uint256 before = theirs();
        settleFor(bob, carolKey, 1000 ether);
        equal(theirs(), before + bobsStake, "the guarantee");
    }

    function theirs() private view returns (uint256) {
        return balanceOf(bob) + balanceOf(mallory) + accountant.providerOf(bob).stake;
    }
}
