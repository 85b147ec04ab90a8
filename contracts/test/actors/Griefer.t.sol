// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Stage} from "../support/Stage.sol";
import {vm} from "../support/Vm.sol";

/// @notice Mallory has money and sends whatever she can before somebody else's call: W16, C10, C11.
contract GrieferTest is Stage {
    /// @dev "first < second": Mallory's first call leaves the second nothing to do, or no right.
    string private constant expected =
    // A promise that was settled need not be held, and one that was settled by order need not be settled again.
     "settle < holdTicks; "
        // An exit that is due is paid by anybody: a cancel comes too late, and the other way round.
        "cancelExit < finalizeExit; finalizeExit < cancelExit; "
        "settleWithOrder < settle; collect < hold; collect < holdTicks; "
        // It is true that the money is short; only who holds the operator's promise can say so.
        "reportShortage < increaseStake; reportShortage < increaseStakeWithPermit; reportShortage < withdraw; "
        // The owner announced it fourteen days before: the new key signs from now on.
        "rotate < changeUrl; rotate < fastExit; rotate < payout; rotate < reportShortage; rotate < cancelRotation; ";

    function setUp() public override {
        super.setUp();
        fund(mallory, 1000 ether);
        allow(mallory);
    }

    /// @notice After any call of Mallory's a good call still succeeds, or what it was to do is done: then the state is
    /// the one that both calls give in the other order. What is left are races with what everybody may do because it is
    /// due, or true.
    function test_no_call_of_a_stranger_stops_anybody_elses() public {
        uint256 clean = vm.snapshotState();
        string memory races;
        for (uint256 g = 0; g < calls.length; ++g) {
            vm.revertToState(clean);
            if (!send(mallory, calls[g])) continue;
            bytes32 afterGrief = seen();
            uint256 griefed = vm.snapshotState();
            for (uint256 i = 0; i < calls.length; ++i) {
                if (isInner(calls[i].name)) continue;
                if (!send(calls[i].sender, calls[i])) {
                    vm.revertToState(clean);
                    send(calls[i].sender, calls[i]);
                    send(mallory, calls[g]);
                    if (seen() != afterGrief) races = string.concat(races, calls[g].name, " < ", calls[i].name, "; ");
                    vm.revertToState(clean);
                    send(mallory, calls[g]);
                    griefed = vm.snapshotState();
                } else {
                    vm.revertToState(griefed);
                }
            }
        }
        if (keccak256(bytes(races)) != keccak256(bytes(expected))) revert NotTrue(races);
    }

    /// @dev Calls that only a contract of ours makes.
    function isInner(string memory name) private pure returns (bool) {
        bytes32 hash = keccak256(bytes(name));
        return hash == keccak256("initialize") || hash == keccak256("settleOne") || hash == keccak256("payoutOne")
            || hash == keccak256("payRegistration");
    }
}
