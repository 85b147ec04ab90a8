// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title How an accountant gets what consumers promised it.
interface ICollection {
    /// @dev A consumer's promise with its preimage.
    struct Claim {
        address channel;
        uint256 amount;
        bytes32 preimage;
        bytes32 agreementHash;
        bytes signature;
    }

    /// @param reason selector of the channel's error; zero where there was none.
    event ClaimSkipped(address indexed channel, uint256 amount, bytes4 reason);

    /// @notice Settles promises on consumers' channels; an item that fails is skipped with an event. By anybody.
    /// @dev What arrives may end a punishment.
    function collect(Claim[] calldata claims) external;
}
