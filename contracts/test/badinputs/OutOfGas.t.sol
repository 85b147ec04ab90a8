// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICollection} from "../../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {Stage} from "../support/Stage.sol";
import {vm} from "../support/Vm.sol";

/// @notice K89: whatever gas a sender gives, a call does all or nothing, and no item of a batch is skipped for want of it.
contract OutOfGasTest is Stage {
    uint256 private constant step = 4000;

    /// @dev Raises the gas until the call does what it should; before that it does nothing at all.
    function sweep(address sender, address target, bytes memory data, uint256 from) private {
        uint256 clean = vm.snapshotState();
        vm.prank(sender);
        (bool done,) = target.call(data);
        holds(done, "with all the gas it works");
        bytes32 whole = seen();
        vm.revertToState(clean);
        uint256 starved;
        for (uint256 gasGiven = from; gasGiven < from + 400 * step; gasGiven += step) {
            vm.prank(sender);
            (done,) = target.call{gas: gasGiven}(data);
            if (!done) {
                ++starved;
                continue;
            }
            equal(seen(), whole, "all of it");
            vm.revertToState(clean);
            holds(starved > 3, "there was too little gas at first");
            return;
        }
        revert NotTrue("enough gas does it");
    }

    function test_89_settle_many_is_never_starved_into_skipping() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](3);
        items[0] = settlement(dave, 1 ether);
        items[1] = settlement(frank, 1 ether);
        items[2] = settlement(dave, 2 ether);
        sweep(carol, address(accountant), abi.encodeCall(ISettlements.settleMany, (items)), 30_000);
    }

    function test_89_payout_is_never_starved_into_skipping() public {
        wish(frankKey, false, true);
        (address[] memory providers, uint256[] memory totals) = (new address[](3), new uint256[](3));
        (providers[0], providers[1], providers[2]) = (dave, frank, dave);
        (totals[0], totals[1], totals[2]) = (1 ether, 1 ether, 2 ether);
        sweep(carol, address(accountant), abi.encodeCall(ISettlements.payout, (providers, totals)), 30_000);
    }

    function test_89_collect_is_never_starved_into_skipping() public {
        ICollection.Claim[] memory claims = new ICollection.Claim[](3);
        claims[0] = claimOf(1 ether);
        claims[1] = claimOf(2 ether);
        claims[2] = ICollection.Claim(
            address(erins),
            1 ether,
            preimage,
            agreement,
            signPayment(erinKey, address(erins), 1 ether, lockOf(preimage), agreement)
        );
        sweep(tom, address(accountant), abi.encodeCall(ICollection.collect, (claims)), 30_000);
    }

    /// @notice The dearest item there is, in punishment, after a rotation, drawing on what backs the guarantee.
    function test_89_the_dearest_item_stays_below_the_floor() public {
        accountant.rotate();
        settleFor(bob, newKey, 500 ether);
        pass(3 days + 7 hours);
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](1);
        items[0] = settlementBy(newKey, bob, 501 ether);
        sweep(vm.addr(newKey), address(accountant), abi.encodeCall(ISettlements.settleMany, (items)), 30_000);
    }

    function test_89_every_single_call_does_all_or_nothing() public {
        uint256 count = calls.length;
        for (uint256 i = 0; i < count; ++i) {
            Call memory c = calls[i];
            uint256 clean = vm.snapshotState();
            if (!send(c.sender, c)) continue;
            bytes32 whole = seen();
            vm.revertToState(clean);
            bool done = false;
            for (uint256 gasGiven = 5000; gasGiven < 800_000 && !done; gasGiven += gasGiven / 4) {
                vm.prank(c.sender);
                (done,) = c.target.call{gas: gasGiven}(c.data);
            }
            holds(done && seen() == whole, c.name);
            vm.revertToState(clean);
        }
    }
}
