// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Funds} from "./Funds.sol";

/// @title Providers' stakes and the guarantees that answer them.
abstract contract Stakes is Funds {
    using SafeCast for uint256;

    bytes32 private constant stakeDecreaseTypeHash = keccak256(
        "StakeDecrease(address provider,uint256 amount,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
    );

    mapping(address identity => PendingDecrease) private _decreases;

    function increaseStake(address identity, uint256 amount) external onlyClone nonReentrant {
        if (amount == 0) revert AmountZero();
        if (identity == address(0)) revert BeneficiaryZero();
        _addStake(identity, amount, _providers[identity].guarantee, freeFunds());
        _receive(amount);
    }

    function decreaseStake(StakeDecrease calldata decrease, bytes calldata signature) external onlyClone {
        PendingDecrease storage pending = _decreases[decrease.provider];
        if (decrease.amount == 0) revert AmountZero();
        if (pending.dueAt != 0) revert DecreaseAlreadyRequested(pending.dueAt);
        uint256 stake = _providers[decrease.provider].stake;
        if (decrease.amount > stake) revert StakeTooLow(stake, decrease.amount);
        if (decrease.fee > decrease.amount) revert FeeAboveAmount(decrease.amount, decrease.fee);
        _requireBefore(decrease.deadline);
        _requireTransactor(decrease.transactor, decrease.fee);
        _requireSigner(keccak256(abi.encode(stakeDecreaseTypeHash, decrease)), decrease.provider, signature);
        _useNonce(decrease.provider, decrease.nonce);

        uint256 dueAt = block.timestamp + exitDelay;
        _decreases[decrease.provider] =
            PendingDecrease(decrease.amount.toUint128(), uint64(dueAt), decrease.transactor, decrease.fee);
        emit StakeDecreaseRequested(decrease.provider, decrease.amount, dueAt, decrease.transactor, decrease.fee);
    }

    function finalizeStakeDecrease(address identity) external onlyClone nonReentrant {
        PendingDecrease memory pending = _decreases[identity];
        if (pending.dueAt == 0) revert DecreaseNotRequested();
        if (block.timestamp < pending.dueAt) revert TooEarly(pending.dueAt, block.timestamp);
        // A stake only falls by a decrease, and there is one at a time: it still covers the amount.
        uint256 stake = _providers[identity].stake - pending.amount;
        address beneficiary = _registry.beneficiaryOf(identity);

        delete _decreases[identity];
        _setShares(identity, stake, _min(_providers[identity].guarantee, stake));
        emit StakeDecreased(identity, pending.amount, stake, beneficiary, pending.fee);
        _send(pending.transactor, pending.fee);
        _send(beneficiary, pending.amount - pending.fee);
        _endPunishmentIfOver(freeFunds());
    }

    function rebalance(address identity) external onlyClone nonReentrant {
        uint256 stake = _providers[identity].stake;
        uint256 guarantee = _providers[identity].guarantee;
        uint256 free = freeFunds();
        uint256 refill = _min(stake - guarantee, free);
        if (refill == 0) revert NothingToRebalance();
        _setShares(identity, stake, guarantee + refill);
        _endPunishmentIfOver(free - refill);
    }

    function pendingDecrease(address identity) external view returns (PendingDecrease memory) {
        return _decreases[identity];
    }

    /// @dev Raises a stake only if free funds cover its guarantee, and still what all the others lack besides.
    /// @param guarantee what is left of the provider's own.
    function _addStake(address identity, uint256 amount, uint256 guarantee, uint256 free) internal {
        if (_punishedSince != 0) revert InPunishment(_punishedSince);
        uint256 missing = _missing() + amount + _providers[identity].guarantee - guarantee;
        if (missing > free) revert GuaranteeUncovered(free, missing);
        uint256 stake = _providers[identity].stake + amount;
        _setShares(identity, stake, stake);
        emit StakeIncreased(identity, amount, stake);
    }
}
