// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title How an accountant's operator key is replaced without voiding what it promised.
/// @dev Rotations are numbered from 1. A replaced key's promises stay valid, paid from that provider's guarantee only,
/// and all of them together, to one provider, only up to its guarantee at the rotation that replaced the key.
interface IRotation {
    error OperatorUsedBefore(address operator);
    error RotationNotAnnounced();
    error RotationExpired(uint256 until, uint256 timestamp);

    event RotationAnnounced(address operator, uint256 dueAt);
    event RotationCancelled();
    event OperatorRotated(address previous, address operator, uint256 rotation);

    /// @notice Announces a new operator, by the owner; replaces an earlier announcement.
    function announceRotation(address newOperator) external;

    function cancelRotation() external;

    /// @notice Makes the announced operator the operator, by anybody, once the notice is over and for as long again.
    function rotate() external;

    /// @return operator zero where none is announced.
    function nextOperator() external view returns (address operator, uint256 dueAt);

    /// @return the rotation that replaced the key; zero: it was not replaced.
    function replacedIn(address key) external view returns (uint256);

    /// @return how much promises of keys replaced in this rotation may still be paid to the provider.
    function replacedKeyLimit(address provider, uint256 rotation) external view returns (uint256);
}
