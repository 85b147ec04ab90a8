// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Funds} from "./Funds.sol";

/// @title What the owner of an accountant decides, each with its notice.
abstract contract Treasury is Funds {
    using SafeCast for uint256;

    /// @dev Half: a higher rate is a mistake or a trap.
    uint256 private constant maxFeeRate = 5000;

    uint256 private immutable _rateNotice;

    address public owner;
    uint16 private _feeRate;
    uint16 private _nextFeeRate;
    uint64 private _nextFeeRateAt;
    Withdrawal private _withdrawal;

    constructor(uint256 rateNotice) {
        _rateNotice = rateNotice;
    }

    modifier onlyOwner() {
        // An implementation has no owner, so this also refuses there.
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    function increaseOperatorStake(uint256 amount) external onlyClone nonReentrant {
        if (amount == 0) revert AmountZero();
        _operatorStake = (_operatorStake + amount).toUint128();
        emit OperatorStakeIncreased(amount, _operatorStake);
        _receive(amount);
    }

    function announceWithdrawal(uint256 amount, address to) external onlyOwner {
        if (amount == 0) revert AmountZero();
        if (to == address(0)) revert BeneficiaryZero();
        uint256 dueAt = block.timestamp + exitDelay;
        _withdrawal = Withdrawal(to, uint64(dueAt), amount);
        emit WithdrawalAnnounced(amount, to, dueAt);
    }

    function cancelWithdrawal() external onlyOwner {
        if (_withdrawal.dueAt == 0) revert WithdrawalNotAnnounced();
        delete _withdrawal;
        emit WithdrawalCancelled();
    }

    function withdraw() external onlyOwner nonReentrant {
        Withdrawal memory pending = _withdrawal;
        if (pending.dueAt == 0) revert WithdrawalNotAnnounced();
        if (block.timestamp < pending.dueAt) revert TooEarly(pending.dueAt, block.timestamp);
        if (block.timestamp > pending.dueAt + exitDelay) revert WithdrawalExpired(pending.dueAt, block.timestamp);
        if (_punishedSince != 0) revert InPunishment(_punishedSince);
        uint256 free = freeFunds();
        uint256 missing = _missing();
        if (free <= missing) revert NothingToWithdraw();
        uint256 amount = _min(pending.amount, free - missing);

        delete _withdrawal;
        emit Withdrawn(amount, pending.to);
        _send(pending.to, amount);
    }

    function announceFeeRate(uint256 rate) external onlyOwner {
        _requireRate(rate);
        // An earlier change that has become valid is the rate to go on from; one that has not is replaced.
        _feeRate = uint16(feeRate());
        _nextFeeRate = uint16(rate);
        _nextFeeRateAt = uint64(block.timestamp + _rateNotice);
        emit FeeRateAnnounced(rate, _nextFeeRateAt);
    }

    function feeRate() public view returns (uint256) {
        return block.timestamp >= _nextFeeRateAt ? _nextFeeRate : _feeRate;
    }

    function nextFeeRate() external view returns (uint256 rate, uint256 dueAt) {
        return (_nextFeeRate, _nextFeeRateAt);
    }

    function pendingWithdrawal() external view returns (Withdrawal memory) {
        return _withdrawal;
    }

    /// @dev The first rate is valid at once.
    function _setOwner(address owner_, uint256 rate) internal {
        _requireRate(rate);
        owner = owner_;
        _feeRate = uint16(rate);
        _nextFeeRate = uint16(rate);
        _nextFeeRateAt = uint64(block.timestamp);
    }

    function _requireRate(uint256 rate) private pure {
        if (rate > maxFeeRate) revert FeeRateTooHigh(maxFeeRate, rate);
    }
}
