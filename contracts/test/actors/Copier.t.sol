// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {Stage} from "../support/Stage.sol";
import {vm} from "../support/Vm.sol";

/// @notice Mallory sees every transaction before it is mined, and sends the same bytes first: C10, C11, C12, W18, W32.
contract CopierTest is Stage {
    function setUp() public override {
        super.setUp();
        writeCallsWithFees();
    }

    /// @dev Each names Tom as its transactor and pays him.
    function writeCallsWithFees() private {
        uint256 fee = 0.01 ether;
        uint256 nonce = called + 1;
        IRegistry.Registration memory r =
            IRegistry.Registration(frank, address(accountant), frank, tom, fee, nonce, later);
        bytes memory signature = signRegistration(frankKey, address(registry), r);
        add(
            "registration with fee",
            address(registry),
            tom,
            frank,
            abi.encodeCall(IRegistry.registerIdentity, (r, signature))
        );

        uint256 next = accountant.providerOf(bob).settled + 1 ether;
        ISettlements.SettleOrder memory o = order(next, tom, fee);
        o.nonce = called;
        signature = signOrder(bobKey, address(accountant), o);
        bytes memory data = abi.encodeCall(ISettlements.settleWithOrder, (o, preimage, promiseOf(next), signature));
        add("order with fee", address(accountant), tom, bob, data);

        IStakes.StakeDecrease memory d = IStakes.StakeDecrease(dave, 1 ether, tom, fee, nonce, later);
        signature = signDecrease(daveKey, address(accountant), d);
        add("decrease with fee", address(accountant), tom, dave, abi.encodeCall(IStakes.decreaseStake, (d, signature)));

        IConsumerChannel.ExitRequest memory e = IConsumerChannel.ExitRequest(address(0), tom, fee, nonce, later);
        signature = signExit(aliceKey, address(channel), e);
        add("exit with fee", address(channel), tom, alice, abi.encodeCall(IConsumerChannel.requestExit, (e, signature)));

        IConsumerChannel.FastExit memory f = IConsumerChannel.FastExit(2 ether, address(0), tom, fee, nonce, later);
        signature = signFastExit(aliceKey, address(channel), f);
        data = abi.encodeCall(IConsumerChannel.fastExit, (f, signature, signFastExit(carolKey, address(channel), f)));
        add("fast exit with fee", address(channel), tom, alice, data);
    }

    function test_every_call_does_something_when_nobody_disturbs_it() public {
        uint256 clean = vm.snapshotState();
        bytes32 before = seen();
        uint256 refused;
        for (uint256 i = 0; i < calls.length; ++i) {
            bool done = send(calls[i].sender, calls[i]);
            bool changed = seen() != before;
            // The one that is never right again: an accountant is initialized when it is made.
            if (!done) ++refused;
            else holds(changed || isQuiet(calls[i].name), calls[i].name);
            vm.revertToState(clean);
        }
        equal(refused, 1, "initialize, and nothing else");
    }

    /// @dev Without a punishment there is nothing to update.
    function isQuiet(string memory name) private pure returns (bool) {
        return keccak256(bytes(name)) == keccak256("updatePunishment");
    }

    function test_a_copy_earns_nothing_and_the_original_has_its_effect_all_the_same() public {
        uint256 clean = vm.snapshotState();
        for (uint256 i = 0; i < calls.length; ++i) {
            send(calls[i].sender, calls[i]);
            bytes32 undisturbed = seen();
            vm.revertToState(clean);

            send(mallory, calls[i]);
            equal(balanceOf(mallory) + mallory.balance + foreign.balanceOf(mallory), 0, calls[i].name);
            send(calls[i].sender, calls[i]);
            equal(seen(), undisturbed, calls[i].name);
            equal(balanceOf(mallory), 0, calls[i].name);
            vm.revertToState(clean);
        }
    }
}
