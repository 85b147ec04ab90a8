// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Reads the two addresses that a clone carries behind its code.
/// @dev A clone's code is 45 bytes of EIP-1167 proxy, then `first` 20 ‖ `second` 20.
library CloneCode {
    uint256 private constant proxyBytes = 0x2d;

    /// @dev To be called only where `address(this)` is known to be a clone.
    function parties() internal view returns (address first, address second) {
        assembly ("memory-safe") {
            // Scratch space holds 64 bytes; two reads of 20 bytes land right-aligned in zeroed words.
            mstore(0x00, 0)
            mstore(0x20, 0)
            extcodecopy(address(), 0x0c, proxyBytes, 20)
            extcodecopy(address(), 0x2c, add(proxyBytes, 20), 20)
            first := mload(0x00)
            second := mload(0x20)
        }
    }
}
