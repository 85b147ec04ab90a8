// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {Signing} from "./Signing.sol";

/// @title Chains of hashes, `w[i − 1] = keccak256(w[i])`, and promises that carry one.
abstract contract TickChain is Signing {
    /// @return w with its root in front and `last` at its end.
    function chainOf(uint256 max, bytes32 last) internal pure returns (bytes32[] memory w) {
        w = new bytes32[](max + 1);
        w[max] = last;
        for (uint256 i = max; i > 0; --i) {
            w[i - 1] = keccak256(abi.encodePacked(w[i]));
        }
    }

    function signTicks(
        uint256 key,
        address channel,
        uint256 amount,
        bytes32 hashlock,
        bytes32 agreementHash,
        IConsumerChannel.Ticks memory t
    ) internal view returns (bytes memory) {
        bytes32 ticksHash = hashTicks(t.root, t.value, t.max);
        return signStruct(key, channel, hashPayment(amount, hashlock, agreementHash, ticksHash));
    }
}
