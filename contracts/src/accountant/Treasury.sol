// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITreasury} from "../interfaces/accountant/ITreasury.sol";
import {Funds} from "./Funds.sol";

/// @title What the owner of an accountant decides, each with its notice.
abstract contract Treasury is ITreasury, Funds {
    /// @dev Half: a higher rate is a mistake or a trap.
    uint256 private constant maxFeeRate = 5000;

    uint256 private immutable _rateNotice;
    uint256 private immutable _closingDelay;

    address public owner;
    uint16 private _feeRate;
    uint16 private _nextFeeRate;
    uint64 private _nextFeeRateAt;
    uint256 public closedUntil;
    Withdrawal private _withdrawal;

    constructor(uint256 rateNotice, uint256 closingDelay) {
        _rateNotice = rateNotice;
        _closingDelay = closingDelay;
    }

    modifier onlyOwner() {
        // An implementation has no owner, so this also refuses there.
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    function increaseOperatorStake(uint256 amount) external onlyClone nonReentrant {
        if (amount == 0) revert AmountZero();
        _punish();
        _bookOperatorStake(amount);
        emit OperatorStakeIncreased(amount, _backing.operatorStake);
        _receive(amount);
    }

    function updatePunishment() external onlyClone nonReentrant {
        _punish();
        _endPunishmentIfOver(freeFunds());
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
        _requireDue(pending.dueAt);
        if (block.timestamp > pending.dueAt + exitDelay) revert WithdrawalExpired(pending.dueAt, block.timestamp);
        if (_state.closed) {
            _requireDue(closedUntil);
            _bookRelease();
        }
        uint256 amount = _bookWithdrawal(pending.amount, _balance());

        // The rest stays announced: else who stakes all but one wei just before would take the announcement away.
        if (amount == pending.amount) delete _withdrawal;
        else _withdrawal.amount = pending.amount - amount;
        emit Withdrawn(amount, pending.to);
        _send(pending.to, amount);
    }

    function close() external onlyOwner {
        if (_state.closed) revert AccountantClosed();
        _state.closed = true;
        closedUntil = block.timestamp + _closingDelay;
        emit Closed(closedUntil);
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
