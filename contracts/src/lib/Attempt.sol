// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title One item of a batch, tried in its own call.
library Attempt {
    error BatchOutOfGas(uint256 item, uint256 gasLeft);

    /// @dev Gas that must be left before an item is tried: twice what the dearest item takes (a first settlement into
    /// stake, 110 k). Without a floor the sender could starve an item of gas and have it skipped as if it were bad.
    uint256 internal constant gasFloor = 220_000;

    /// @dev At most four bytes of the answer are read, so nobody's answer can eat the batch's gas.
    /// @return done whether there was code and it did not revert.
    /// @return reason the selector of its error; zero where there was none.
    function call(uint256 item, address target, bytes memory data) internal returns (bool done, bytes4 reason) {
        if (gasleft() < gasFloor) revert BatchOutOfGas(item, gasleft());
        if (target.code.length == 0) return (false, bytes4(0));
        assembly ("memory-safe") {
            mstore(0x00, 0)
            done := call(gas(), target, 0, add(data, 0x20), mload(data), 0x00, 4)
            if iszero(done) { reason := mload(0x00) }
        }
    }
}
