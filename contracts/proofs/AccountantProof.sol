// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Books} from "../src/accountant/Books.sol";

/// @title What every step of an accountant's books keeps, proved.
/// @dev By induction: the empty books are sound, and each function here is one step that starts from any sound books,
/// acts for any provider with any values, and leaves them sound. `_watched` is any other provider: what holds for it
/// holds for all others.
///
/// The sums are over all providers, which no formula of the checker can say. So it is shown that a step changes a sum by
/// as much as it changes the provider's own part; then what was a sum stays one.
contract AccountantProof is Books {
    /// @dev What a step may change of its provider only, and what never changes or only grows.
    struct Before {
        address operator;
        uint256 settled;
        uint256 othersStake;
        uint256 othersLack;
        uint256 othersShort;
        uint256 watchedStake;
        uint256 watchedGuarantee;
        uint256 watchedSettled;
        uint256 watchedShortSince;
        uint256 watchedShortUpTo;
        uint256 watchedShortRotation;
    }

    /// @dev What the contract holds of the token.
    uint256 private _balance;
    address private _watched;

    constructor(address identity, address watched) {
        _watched = watched;
        assert(_isSound(identity)); // empty books are sound
        assert(false); // must fail: a beginning
    }

    modifier step(address identity) {
        require(identity != _watched && _isSound(identity));
        // No token has more units than that, and no block is before 1970 or after the year 36,812.
        require(_balance <= type(uint128).max && block.timestamp != 0 && block.timestamp <= type(uint40).max);
        Before memory before = _before(identity);
        _;
        assert(_isSound(identity)); // conservation: set apart are the operator's stake, the reserve, all stakes and all guarantees, and all of it is there
        assert(_keepsOthers(identity, before)); // the guarantee of any other provider is not changed by any step, so not by the operator; no step changes any other provider's stake, settled or shortage
        assert(_accounts[identity].settled >= before.settled && _keepsOperator(before.operator)); // settled of a provider only grows; no step changes whose books they are
        assert(false); // must fail: a step that ends
    }

    function initialize(address identity, address operator_, uint256 stake) external step(identity) {
        require(stake <= type(uint128).max);
        address before = _state.operator;
        _bookInitialization(operator_, stake);
        _balance += stake;
        assert(before == address(0) && _state.operator != address(0)); // books are begun once
    }

    /// @dev Anybody may send tokens.
    function topUp(address identity, uint256 amount) external step(identity) {
        require(amount <= type(uint128).max);
        _balance += amount;
    }

    function addOperatorStake(address identity, uint256 amount) external step(identity) {
        require(amount <= type(uint128).max);
        _bookOperatorStake(amount);
        _balance += amount;
    }

    function settle(address identity, uint256 amount) external step(identity) {
        uint256 settled = _accounts[identity].settled;
        uint256 guarantee = _guaranteeOf(identity);
        uint256 lack = _accounts[identity].lack;
        uint256 given = _givenTo(identity);
        uint256 free = _free(_balance);
        uint256 backing = _backed();
        (uint256 owed, uint256 paid) = _bookPayment(identity, amount, _balance);
        bool isThere = _take(paid) && _backed() <= backing;
        uint256 drawn = _change(_backed(), backing);

        bool isBooked = _accounts[identity].settled == settled + paid && settled + owed == amount && paid <= owed;
        bool isAll = paid == owed || paid >= guarantee + free;
        bool isLast = drawn == 0 || (drawn + given <= lack && paid == guarantee + free + drawn);
        bool isNoted = drawn == 0 || _deposits[identity].drawn == given + drawn;
        bool isKept = _guaranteeOf(identity) + paid >= guarantee;
        bool isKnown = paid == owed || _accounts[identity].shortSince != 0;
        // Each question about this step takes seconds to write, so it is one.
        assert(isThere && isBooked && isAll && isLast && isNoted && isKept && isKnown); // a settlement pays what is there, and adds nothing to what backs the guarantees; a settlement books what it pays, and pays no more than the promise; a settlement pays all that is owed, or all there is; what backs the guarantees pays last, and no more than what one lacks and was not given lately; what they pay is remembered; a guarantee falls by no more than what is paid; who is paid less is known to be short
        assert(drawn == 0); // must fail: a settlement out of what backs the guarantees
    }

    function settleIntoStake(address identity, uint256 amount, uint256 fee) external step(identity) {
        uint256 stake = _deposits[identity].stake;
        uint256 owed = _bookPaymentIntoStake(identity, amount, fee, _balance);
        bool isThere = _take(fee);
        assert(isThere && _deposits[identity].stake + fee == stake + owed && _isCovered(identity)); // a settlement into the stake adds all but the fee, covered, and no other guarantee is left uncovered
    }

    function settleReplaced(address identity, uint256 amount, uint256 limit) external step(identity) {
        uint256 guarantee = _guaranteeOf(identity);
        uint256 settled = _accounts[identity].settled;
        uint256 free = _free(_balance);
        (, uint256 paid) = _bookOldPayment(identity, amount, limit);
        bool isThere = _take(paid);
        assert(isThere && _accounts[identity].settled == settled + paid); // a replaced key's promise books what it pays
        assert(paid <= limit && _guaranteeOf(identity) + paid == guarantee && _free(_balance) == free); // a replaced key's promise is paid from the guarantee only, and up to its limit
    }

    function payOut(address identity, uint256 upTo) external step(identity) {
        uint256 guarantee = _guaranteeOf(identity);
        bool isThere = _take(_bookPayout(identity, upTo, _balance));
        assert(isThere && _guaranteeOf(identity) == guarantee && _isSpared()); // a payout takes no guarantee, nor what one lacks
        assert(_accounts[identity].settled == upTo); // a payout is cumulative
    }

    function reportShortage(address identity, uint256 amount) external step(identity) {
        _bookShortage(identity, amount, _balance);
        assert(_accounts[identity].shortSince != 0); // a shortage that is reported is written down
    }

    function increaseStake(address identity, uint256 amount) external step(identity) {
        require(amount <= type(uint128).max);
        uint256 given = _givenTo(identity);
        _bookStake(identity, amount, _free(_balance), 0);
        _balance += amount;
        assert(_isCovered(identity)); // a stake comes with its guarantee, and leaves no other uncovered
        assert(amount == 0 || _deposits[identity].drawn == given + amount); // a new stake has no part in what backs the guarantees
    }

    function decreaseStake(address identity, uint256 amount) external step(identity) {
        uint256 before = _deposits[identity].stake;
        uint256 drawn = _deposits[identity].drawn;
        uint256 guarantee = _guaranteeOf(identity);
        uint256 free = _free(_balance);
        uint256 left = _bookDecrease(identity, amount);
        bool isThere = _take(amount);
        assert(isThere && left + amount == before && _deposits[identity].stake == left); // a stake falls by what is paid
        assert(_guaranteeOf(identity) == _min(guarantee, left)); // a decrease takes of a guarantee only what is above the stake that is left
        assert(_free(_balance) + _guaranteeOf(identity) == free + guarantee); // what a decrease takes of a guarantee is free again
        assert(_deposits[identity].drawn + amount >= drawn); // a decrease gives no new right to what backs the guarantees
    }

    function rebalance(address identity) external step(identity) {
        uint256 guarantee = _guaranteeOf(identity);
        uint256 lack = _accounts[identity].lack;
        uint256 given = _givenTo(identity);
        uint256 operatorStake_ = _backing.operatorStake;
        uint256 reserve_ = _backing.reserve;
        _bookRefill(identity, _balance);
        uint256 drawn = _change(_backing.reserve, reserve_);
        assert(
            _backing.reserve <= reserve_ && _guaranteeOf(identity) > guarantee
                && _backing.operatorStake == operatorStake_
        ); // rebalancing raises a guarantee, and leaves the operator's stake alone
        assert(drawn == 0 || (drawn + given <= lack && _deposits[identity].drawn == given + drawn)); // the reserve refills no more than what one lacks and was not given lately, and it is remembered
        assert(drawn == 0); // must fail: a refill from the reserve
    }

    function withdraw(address identity, uint256 amount) external step(identity) {
        bool isThere = _take(_bookWithdrawal(amount, _balance));
        assert(isThere && _state.punishedSince == 0 && _isSpared()); // nothing is withdrawn in punishment, nor what a guarantee lacks
    }

    function release(address identity) external step(identity) {
        uint256 guarantee = _guaranteeOf(identity);
        uint256 free = _free(_balance);
        uint256 backing = _backed();
        _bookRelease();
        assert(_guaranteeOf(identity) == guarantee && _free(_balance) + _backed() == free + backing); // closing frees what backed the guarantees, and no guarantee
        assert(_backed() == backing || (_sums.missing == 0 && _state.punishedSince == 0)); // closing frees nothing while a guarantee is not whole
        assert(_backed() == backing); // must fail: a release
    }

    function punish(address identity) external step(identity) {
        uint256 backing = _backed();
        uint256 before = _backing.reserve;
        _punish();
        assert(_backed() == backing && _backing.reserve >= before); // a punishment moves the operator's stake into the reserve, and nothing else
    }

    function judge(address identity) external step(identity) {
        _judge(_free(_balance));
        bool isDue = _state.shortProviders != 0 || !_isSpared();
        assert((_state.punishedSince != 0) == isDue); // whoever judges finds the operator punished while somebody is short or a guarantee uncovered, and only then
    }

    function endPunishment(address identity) external step(identity) {
        bool before = _state.punishedSince != 0;
        _endPunishmentIfOver(_free(_balance));
        bool isOver = _state.shortProviders == 0 && _isSpared();
        assert((_state.punishedSince != 0) == (before && !isOver)); // a punishment ends when nobody is short and all is covered, and none begins by that
    }

    /// @dev The limits of replaced keys are kept outside these books.
    function _beforeGuaranteeChanges(address, uint256) internal override {}

    function _isSound(address identity) private view returns (bool) {
        Deposit memory deposit = _deposits[identity];
        Deposit memory other = _deposits[_watched];
        uint256 lack = _accounts[identity].lack;
        uint256 otherLack = _accounts[_watched].lack;
        return lack <= deposit.stake && otherLack <= other.stake && lack + otherLack <= _sums.missing
            && uint256(deposit.stake) + other.stake + _sums.missing <= _stakes.total + lack + otherLack
            && _sums.apart == _backed() + 2 * uint256(_stakes.total) - _sums.missing && _sums.apart <= _balance
            && _isShort(identity) + _isShort(_watched) <= _state.shortProviders;
    }

    function _before(address identity) private view returns (Before memory) {
        return Before({
            operator: _state.operator,
            settled: _accounts[identity].settled,
            othersStake: _stakes.total - _deposits[identity].stake,
            othersLack: _sums.missing - _accounts[identity].lack,
            othersShort: _state.shortProviders - _isShort(identity),
            watchedStake: _deposits[_watched].stake,
            watchedGuarantee: _guaranteeOf(_watched),
            watchedSettled: _accounts[_watched].settled,
            watchedShortSince: _accounts[_watched].shortSince,
            watchedShortUpTo: _shortages[_watched].upTo,
            watchedShortRotation: _shortages[_watched].rotation
        });
    }

    function _keepsOthers(address identity, Before memory before) private view returns (bool) {
        return _stakes.total - _deposits[identity].stake == before.othersStake
            && _sums.missing - _accounts[identity].lack == before.othersLack
            && _state.shortProviders - _isShort(identity) == before.othersShort
            && _deposits[_watched].stake == before.watchedStake && _guaranteeOf(_watched) == before.watchedGuarantee
            && _accounts[_watched].settled == before.watchedSettled
            && _accounts[_watched].shortSince == before.watchedShortSince
            && _shortages[_watched].upTo == before.watchedShortUpTo
            && _shortages[_watched].rotation == before.watchedShortRotation;
    }

    function _keepsOperator(address before) private view returns (bool) {
        return before == address(0) || _state.operator == before;
    }

    /// @dev The whole guarantee is there, and free funds hold what the others lack.
    function _isCovered(address identity) private view returns (bool) {
        return _accounts[identity].lack == 0 && _isSpared();
    }

    function _isSpared() private view returns (bool) {
        return _sums.missing <= _free(_balance);
    }

    /// @dev Nothing reverts here: a path that ends in a subtraction would count as one where all is well.
    function _take(uint256 amount) private returns (bool isThere) {
        isThere = amount <= _balance;
        unchecked {
            _balance -= amount;
        }
    }

    function _change(uint256 now_, uint256 before) private pure returns (uint256) {
        unchecked {
            return before - now_;
        }
    }

    /// @dev What others' money gave lately.
    function _givenTo(address identity) private view returns (uint256) {
        Deposit memory deposit = _deposits[identity];
        return block.timestamp < deposit.drawnAt + 30 days ? deposit.drawn : 0;
    }

    function _isShort(address identity) private view returns (uint256) {
        return _accounts[identity].shortSince == 0 ? 0 : 1;
    }

    function _backed() private view returns (uint256) {
        return uint256(_backing.operatorStake) + _backing.reserve;
    }
}
