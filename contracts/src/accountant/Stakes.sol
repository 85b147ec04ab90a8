// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IStakes} from "../interfaces/accountant/IStakes.sol";
import {Messages} from "../lib/Messages.sol";
import {Funds} from "./Funds.sol";

/// @title Providers' stakes and the guarantees that answer them.
abstract contract Stakes is IStakes, Funds {
    using Messages for StakeDecrease;

    mapping(address identity => PendingDecrease) private _decreases;

    function increaseStake(address identity, uint256 amount) external onlyClone nonReentrant {
        _increaseStake(identity, amount);
    }

    function increaseStakeWithPermit(address identity, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        onlyClone
        nonReentrant
    {
        // Somebody who saw the permit may have used it already; then the allowance is there, and that is what counts.
        try IERC20Permit(address(_token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _increaseStake(identity, amount);
    }

    function decreaseStake(StakeDecrease calldata decrease, bytes calldata signature) external onlyClone {
        PendingDecrease storage pending = _decreases[decrease.provider];
        if (decrease.amount == 0) revert AmountZero();
        if (pending.dueAt != 0) revert DecreaseAlreadyRequested(pending.dueAt);
        uint256 stake = _deposits[decrease.provider].stake;
        if (decrease.amount > stake) revert StakeTooLow(stake, decrease.amount);
        if (decrease.fee > decrease.amount) revert FeeAboveAmount(decrease.amount, decrease.fee);
        _requireBefore(decrease.deadline);
        _requireTransactor(decrease.transactor, decrease.fee);
        _requireSigner(decrease.hash(), decrease.provider, signature);
        _useNonce(decrease.provider, decrease.nonce);

        uint256 dueAt = block.timestamp + exitDelay;
        _decreases[decrease.provider] =
            PendingDecrease(uint96(decrease.amount), uint64(dueAt), decrease.transactor, decrease.fee);
        emit StakeDecreaseRequested(decrease.provider, decrease.amount, dueAt, decrease.transactor, decrease.fee);
    }

    function finalizeStakeDecrease(address identity) external onlyClone nonReentrant {
        PendingDecrease memory pending = _decreases[identity];
        if (pending.dueAt == 0) revert DecreaseNotRequested();
        _requireDue(pending.dueAt);
        address beneficiary = _beneficiaryOf(identity);
        _punish();

        delete _decreases[identity];
        // A stake only falls by a decrease, and there is one at a time: it still covers the amount.
        uint256 stake = _bookDecrease(identity, pending.amount);
        emit StakeDecreased(identity, pending.amount, stake, beneficiary, pending.fee);
        _send(pending.transactor, pending.fee);
        _send(beneficiary, pending.amount - pending.fee);
        _endPunishmentIfOver(freeFunds());
    }

    function rebalance(address identity) external onlyClone nonReentrant {
        _punish();
        uint256 balance = _balance();
        _bookRefill(identity, balance);
        _endPunishmentIfOver(_free(balance));
    }

    function pendingDecrease(address identity) external view returns (PendingDecrease memory) {
        return _decreases[identity];
    }

    function _increaseStake(address identity, uint256 amount) private {
        if (amount == 0) revert AmountZero();
        if (identity == address(0)) revert BeneficiaryZero();
        // The sender's money is the stake; free funds, as they were before, are the guarantee.
        _bookStake(identity, amount, freeFunds(), 0);
        _receive(amount);
    }
}
