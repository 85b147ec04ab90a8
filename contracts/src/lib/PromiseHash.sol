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

    /// @dev Ticks that are not used: all fields zero.
    bytes32 internal constant noTicks = keccak256(abi.encode(ticksTypeHash, bytes32(0), uint256(0), uint256(0)));

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
    function lock(bytes32 preimage) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(preimage));
    }
}
