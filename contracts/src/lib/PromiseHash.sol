// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Struct hashes of what consumers and accountants promise.
library PromiseHash {
    bytes32 internal constant ticksTypeHash = keccak256("Ticks(bytes32 root,uint256 value,uint256 max)");
    bytes32 internal constant agreementTypeHash = keccak256("Agreement(bytes32 id,address provider,uint256 total)");
    bytes32 internal constant paymentTypeHash = keccak256(
        "PaymentPromise(uint256 amount,bytes32 hashlock,Agreement agreement,Ticks ticks)"
        "Agreement(bytes32 id,address provider,uint256 total)" "Ticks(bytes32 root,uint256 value,uint256 max)"
    );
    bytes32 internal constant accountantTypeHash =
        keccak256("AccountantPromise(address provider,uint256 amount,bytes32 hashlock)");

    /// @dev Ticks that are not used: `ticks(0, 0, 0)`. Written out, since the compiler would hash it in each call.
    bytes32 internal constant noTicks = 0xdc7389dcf5d028c47924e42862f5115a022c6f50d9f1c09bd3e168677ba9b29d;

    function ticks(bytes32 root, uint256 value, uint256 max) internal pure returns (bytes32) {
        return keccak256(abi.encode(ticksTypeHash, root, value, max));
    }

    function payment(uint256 amount, bytes32 hashlock, bytes32 agreementHash, bytes32 ticksHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(paymentTypeHash, amount, hashlock, agreementHash, ticksHash));
    }

    function accountant(address provider, uint256 amount, bytes32 hashlock) internal pure returns (bytes32) {
        return keccak256(abi.encode(accountantTypeHash, provider, amount, hashlock));
    }

    /// @param preimage 32 bytes, hashed as they are.
    function lock(bytes32 preimage) internal pure returns (bytes32 hashlock) {
        // In scratch space: `abi.encodePacked` would take new memory each time, and ticks are hashed a thousand times.
        assembly ("memory-safe") {
            mstore(0x00, preimage)
            hashlock := keccak256(0x00, 0x20)
        }
    }
}
