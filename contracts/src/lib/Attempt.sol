// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title One item of a batch, tried in its own call.
library Attempt {
    error BatchOutOfGas(uint256 item, uint256 gasLeft);

    /// @dev Gas that must be left before an item is tried: seven times what an ordinary one takes (30 k, `bench/gas`);
    /// only one on a key that was replaced dozens of rotations ago can take more. Without a floor the sender could
    /// starve an item of gas and have it skipped as if it were bad.
    uint256 internal constant gasFloor = 220_000;

    /// @dev One word of the answer is read, so nobody's answer can eat the batch's gas.
    /// @param target must have code: a call to nobody is done at once.
    /// @return done whether it did not revert.
    /// @return answer its first word; of an error, the first four bytes are the selector. Zeros where there is less.
    function call(uint256 item, address target, bytes memory data) internal returns (bool done, bytes32 answer) {
        if (gasleft() < gasFloor) revert BatchOutOfGas(item, gasleft());
        assembly ("memory-safe") {
            mstore(0x00, 0)
            done := call(gas(), target, 0, add(data, 0x20), mload(data), 0x00, 0x20)
            answer := mload(0x00)
        }
    }
}
