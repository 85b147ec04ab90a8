// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../src/interfaces/accountant/IStakes.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {Stage} from "./support/Stage.sol";
import {vm} from "./support/Vm.sol";

/// @notice C7, W17: a signature counts on one chain, in one contract, as one message.
contract SeparationTest is Stage {
    uint256 private constant signedCalls = 18;

    function isSigned(string memory name) private pure returns (bool) {
        string[17] memory names = [
            "registerIdentity",
            "changeBeneficiary",
            "changeUrl",
            "settle",
            "hold",
            "settleTicks",
            "holdTicks",
            "requestExit",
            "fastExit",
            "cancelExit",
            "settleWithOrder",
            "settleMany",
            "collect",
            "reportShortage",
            "changeSettleWish",
            "decreaseStake",
            "settleOne"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            if (keccak256(bytes(names[i])) == keccak256(bytes(name))) return true;
        }
        return false;
    }

    /// @return count of the signed calls, none of which does anything now.
    function noneCounts() private returns (uint256 count) {
        bytes32 before = seen();
        for (uint256 i = 0; i < calls.length; ++i) {
            if (!isSigned(calls[i].name)) continue;
            ++count;
            send(calls[i].sender, calls[i]);
            holds(seen() == before, calls[i].name);
        }
    }

    function test_no_signed_call_counts_on_another_chain() public {
        vm.chainId(99);
        equal(noneCounts(), signedCalls, "signed calls");
        vm.chainId(31_337);
        holds(send(calls[0].sender, calls[0]), "and here it does");
    }

    /// @dev The same keys, the same names, the same money: only the addresses differ.
    function test_no_signed_call_counts_in_another_network() public {
        (address a, address c, address e, address r) =
            (address(accountant), address(channel), address(erins), address(registry));
        registry = newRegistry();
        accountant = IAccountant(newAccountant(carolsOwner, carol));
        channel = IConsumerChannel(registry.openChannel(alice, address(accountant)));
        erins = IConsumerChannel(registry.openChannel(erin, address(accountant)));
        fund(address(accountant), 100 ether);
        fund(address(channel), 10 ether);
        fund(address(erins), 10 ether);
        register(bobKey, bob);
        stakeFor(dave, 4 ether);
        for (uint256 i = 0; i < calls.length; ++i) {
            address t = calls[i].target;
            calls[i].target = t == a
                ? address(accountant)
                : t == c ? address(channel) : t == e ? address(erins) : t == r ? address(registry) : t;
        }
        equal(noneCounts(), signedCalls, "signed calls");
    }

    /// @notice The same keys' channel or accountant beside it in the same registry.
    function test_no_promise_counts_in_a_sibling() public {
        address other = newAccountant(mallory, carol);
        fund(other, 10 ether);
        IConsumerChannel sibling = IConsumerChannel(registry.openChannel(alice, other));
        fund(address(sibling), 10 ether);
        bytes memory promised = payment(1 ether);
        vm.expectRevert();
        sibling.settle(1 ether, preimage, agreement, promised);
        vm.expectRevert();
        sibling.hold(1 ether, lockOf(preimage), agreement, promised);
        promised = promiseOf(30 ether);
        vm.prank(bob);
        vm.expectRevert();
        IAccountant(other).settle(bob, 30 ether, preimage, promised);
    }

    /// @notice With all fields alike, no message is another one.
    function test_no_message_is_another_one() public view {
        bytes[12] memory signatures;
        address v = address(accountant);
        ISettlements.SettleOrder memory order_;
        ISettlements.SettleWish memory wish_;
        IStakes.StakeDecrease memory decrease;
        IRegistry.Registration memory registration;
        IRegistry.BeneficiaryChange memory beneficiary;
        IRegistry.UrlChange memory url;
        IConsumerChannel.ExitRequest memory exit;
        IConsumerChannel.ExitCancel memory cancel;
        IConsumerChannel.FastExit memory fast;
        IConsumerChannel.Ticks memory ticks = IConsumerChannel.Ticks(0, 1, 1);
        signatures[0] = signPayment(aliceKey, v, 0, 0, 0);
        signatures[1] = signTicks(aliceKey, v, 0, 0, 0, ticks);
        signatures[2] = signAccountantPromise(aliceKey, v, address(0), 0, 0);
        signatures[3] = signOrder(aliceKey, v, order_);
        signatures[4] = signWish(aliceKey, v, wish_);
        signatures[5] = signDecrease(aliceKey, v, decrease);
        signatures[6] = signRegistration(aliceKey, v, registration);
        signatures[7] = signBeneficiaryChange(aliceKey, v, beneficiary);
        signatures[8] = signUrlChange(aliceKey, v, url);
        signatures[9] = signExit(aliceKey, v, exit);
        signatures[10] = signExitCancel(aliceKey, v, cancel);
        signatures[11] = signFastExit(aliceKey, v, fast);
        for (uint256 i = 0; i < signatures.length; ++i) {
            for (uint256 k = 0; k < i; ++k) {
                holds(keccak256(signatures[i]) != keccak256(signatures[k]), "two messages alike");
            }
        }
    }
}
