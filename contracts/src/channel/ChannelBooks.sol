// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChannelBooks} from "../interfaces/IChannelBooks.sol";

/// @title The channel's book-keeping: each step that changes what it owes.
/// @dev Without external calls and without assembly: `contracts/proofs` proves it with SMTChecker. Whoever calls a step
/// moves the tokens that the step books; `balance` is what the channel holds before they move.
abstract contract ChannelBooks is IChannelBooks {
    uint256 public settled;
    uint256 public held;
    Exit internal _exit;

    function exit() external view returns (Exit memory) {
        return _exit;
    }

    /// @return paid what the promise adds, or what there is.
    function _bookSettlement(uint256 amount, uint256 balance) internal returns (uint256 paid) {
        uint256 before = settled;
        require(amount > before, PromiseNotIncreasing(before, amount));
        require(balance != 0, ChannelEmpty());
        uint256 owed = amount - before;
        paid = owed < balance ? owed : balance;
        settled = before + paid;
    }

    function _bookHold(uint256 amount) internal {
        require(amount > held, HoldNotIncreasing(held, amount));
        require(amount > settled, PromiseNotIncreasing(settled, amount));
        held = amount;
    }

    function _bookExitRequest(Exit memory request) internal {
        require(_exit.dueAt == 0, ExitAlreadyRequested(_exit.dueAt));
        _exit = request;
    }

    function _bookExitCancel() internal {
        require(_exit.dueAt != 0, ExitNotRequested());
        delete _exit;
    }

    /// @return pending the exit that ends here.
    /// @return payment `balance − max(0, held − settled)`, the fee included.
    /// @return fee cut to the payment.
    function _bookExit(uint256 balance) internal returns (Exit memory pending, uint256 payment, uint256 fee) {
        pending = _exit;
        require(pending.dueAt != 0, ExitNotRequested());
        require(block.timestamp >= pending.dueAt, ExitTooEarly(pending.dueAt, block.timestamp));
        uint256 liable = held > settled ? held - settled : 0;
        require(balance > liable, NothingToPay(balance, liable));
        payment = balance - liable;
        fee = pending.fee < payment ? pending.fee : payment;
        delete _exit;
    }
}
