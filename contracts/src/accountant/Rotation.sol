// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRotation} from "../interfaces/accountant/IRotation.sol";
import {Funds} from "./Funds.sol";

/// @title Replaced operator keys, and how much their promises may still take.
/// @dev A provider's guarantee at a rotation is not copied for everybody at the rotation; it is written down when it is
/// about to change for the first time afterwards. So it is what the first record at or after the rotation says, or what
/// the guarantee is now where there is none.
abstract contract Rotation is IRotation, Funds {
    /// @param known whether the guarantee of that rotation was written down; it may be zero.
    struct Limit {
        uint120 guarantee;
        bool known;
        uint120 paid;
    }

    uint256 private immutable _rotationNotice;

    address private _nextOperator;
    uint64 private _nextOperatorAt;
    mapping(address key => uint256 rotation) public replacedIn;
    mapping(address provider => mapping(uint256 rotation => Limit)) private _limits;

    constructor(uint256 rotationNotice) {
        _rotationNotice = rotationNotice;
    }

    function announceRotation(address newOperator) external {
        _requireOwner();
        if (newOperator == address(0)) revert OperatorZero();
        if (newOperator == _state.operator || replacedIn[newOperator] != 0) revert OperatorUsedBefore(newOperator);
        (_nextOperator, _nextOperatorAt) = (newOperator, uint64(block.timestamp + _rotationNotice));
        emit RotationAnnounced(newOperator, _nextOperatorAt);
    }

    function cancelRotation() external {
        _requireOwner();
        if (_nextOperator == address(0)) revert RotationNotAnnounced();
        (_nextOperator, _nextOperatorAt) = (address(0), 0);
        emit RotationCancelled();
    }

    function rotate() external {
        address next = _nextOperator;
        if (next == address(0)) revert RotationNotAnnounced();
        _requireDue(_nextOperatorAt);
        // A standing announcement would be no notice.
        uint256 until = _nextOperatorAt + _rotationNotice;
        if (block.timestamp > until) revert RotationExpired(until, block.timestamp);
        address previous = _state.operator;
        uint16 rotation = _state.rotations + 1;

        (_nextOperator, _nextOperatorAt) = (address(0), 0);
        (_state.operator, _state.rotations) = (next, rotation);
        replacedIn[previous] = rotation;
        emit OperatorRotated(previous, next, rotation);
    }

    function nextOperator() external view returns (address, uint256) {
        return (_nextOperator, _nextOperatorAt);
    }

    function replacedKeyLimit(address provider, uint256 rotation) public view returns (uint256) {
        uint256 last = _state.rotations;
        if (rotation == 0 || rotation > last) return 0;
        uint256 next = rotation;
        while (next <= last && !_limits[provider][next].known) ++next;
        uint256 guarantee = next <= last ? _limits[provider][next].guarantee : _guaranteeOf(provider);
        return guarantee - _limits[provider][rotation].paid;
    }

    /// @dev Books a payment on a promise of a replaced key.
    function _bookReplaced(address provider, uint256 amount, uint256 rotation)
        internal
        returns (uint256 owed, uint256 paid)
    {
        (owed, paid) = _bookOldPayment(provider, amount, replacedKeyLimit(provider, rotation));
        _limits[provider][rotation].paid += uint120(paid);
    }

    function _beforeGuaranteeChanges(address identity, uint256 guarantee) internal override {
        uint256 rotation = _state.rotations;
        if (rotation == 0) return;
        Limit storage limit = _limits[identity][rotation];
        if (!limit.known) (limit.guarantee, limit.known) = (uint120(guarantee), true);
    }

    function _requireOwner() internal view virtual;
}
