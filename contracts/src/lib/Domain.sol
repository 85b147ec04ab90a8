// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The EIP-712 domain of the contract that runs.
/// @dev Computed from `address(this)` and `block.chainid` at each call: an immutable of the implementation would be
/// shared by all its clones, and a cached chain id would outlive a fork.
library Domain {
    bytes32 private constant typeHash =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant nameHash = keccak256("Mysterium Payments");
    bytes32 private constant versionHash = keccak256("1");

    function separator() internal view returns (bytes32) {
        return keccak256(abi.encode(typeHash, nameHash, versionHash, block.chainid, address(this)));
    }

    /// @return the 32 bytes that are signed: keccak256(0x19 0x01 ‖ domain ‖ struct hash).
    function digest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator(), structHash));
    }
}
