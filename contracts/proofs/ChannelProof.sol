// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ChannelBooks} from "../src/channel/ChannelBooks.sol";

/// @title What holds for a channel after any calls in any order, proved.
/// @dev Only the books of a channel, with a number for its tokens. Every function can be called by anybody at any time
/// with any values; SMTChecker shows that no assertion can fail.
contract ChannelProof is ChannelBooks {
    uint256 private _balance;
    uint256 private _received;
    uint256 private _paidToAccountant;
    uint256 private _paidOut;

    function topUp(uint256 amount) external {
        require(_balance <= type(uint128).max && amount <= type(uint128).max && _received <= type(uint128).max);
        _balance += amount;
        _received += amount;
    }

    function settle(uint256 amount) external {
        uint256 before = settled;
        uint256 balance = _balance;
        uint256 paid = _bookSettlement(amount, balance);
        _balance -= paid;
        _paidToAccountant += paid;

        assert(settled > before); // settled of a channel only grows
        assert(settled <= amount); // a channel settles no more than the promise
        assert(settled == amount || _balance == 0); // a channel pays all it owes or all it has
        assert(settled - before == paid); // what a settlement books is what it pays
    }

    function hold(uint256 amount) external {
        uint256 before = held;
        _bookHold(amount);
        assert(held > before); // what is held only grows
    }

    function requestExit(Exit memory request) external {
        _bookExitRequest(request);
    }

    function cancelExit() external {
        _bookExitCancel();
    }

    function finalizeExit() external {
        (Exit memory ended, uint256 payment, uint256 fee) = _bookExit(_balance);
        _balance -= payment;
        _paidOut += payment;
        assert(fee <= payment && fee <= ended.fee); // an exit's fee is cut to its payment
        assert(block.timestamp >= ended.dueAt); // an exit pays nothing before it is due
        assert(held <= settled || _balance == held - settled); // an exit leaves what is held
        assert(held > settled || _balance == 0); // an exit pays all that is not held
        assert(_exit.dueAt == 0); // an exit pays once
    }

    function check() external view {
        assert(_received == _balance + _paidToAccountant + _paidOut); // conservation in a channel
        assert(_paidToAccountant == settled); // the accountant got what is settled
    }
}
