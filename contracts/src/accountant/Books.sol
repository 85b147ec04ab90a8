// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../interfaces/accountant/IBooks.sol";

/// @title The accountant's book-keeping: who has what, and each step that changes it.
/// @dev Without external calls and without assembly, so that it can be reasoned about by itself. Whoever calls
/// a step moves the tokens that the step books; `balance` is what the contract holds before they move.
///
/// Fields that are read together share a slot: an ordinary settlement reads three and writes one. What a guarantee
/// lacks is stored, not the guarantee itself, since it is zero as long as all is well.
abstract contract Books is IBooks {
    /// @param lack of the guarantee: `stake − guarantee`.
    struct Account {
        uint112 settled;
        uint96 lack;
        uint40 shortSince;
        uint8 wishes;
    }

    /// @param drawn what reserve and operator's stake paid in place of the guarantee, and what was staked. It counts until
    /// `drawTime` after `drawnAt`, the mean time of its parts.
    struct Deposit {
        uint96 stake;
        uint96 drawn;
        uint40 drawnAt;
    }

    /// @param upTo the highest promise that was not paid in full. Only who is paid so much is no longer short.
    /// @param rotation of the key that promised it: what a replaced key promised leaves nobody short.
    struct Shortage {
        uint112 upTo;
        uint16 rotation;
    }

    /// @param apart operator's stake + reserve + Σ stake + Σ guarantee.
    /// @param missing Σ lack.
    struct Sums {
        uint128 apart;
        uint128 missing;
    }

    struct State {
        address operator;
        uint40 punishedSince;
        uint32 shortProviders;
        uint16 rotations;
        bool closed;
    }

    struct Backing {
        uint128 operatorStake;
        uint128 reserve;
    }

    /// @param movedUntil when the operator's stake was moved last in a punishment, or can be for the first time.
    /// @param endedAt when the last punishment ended; zero: none has.
    struct Stakes {
        uint128 total;
        uint40 movedUntil;
        uint40 endedAt;
    }

    uint256 private constant freeTime = 6 hours;
    /// @dev A punishment that begins so soon after the last one goes on with it. Else who borrows money for one
    /// transaction ends it, begins it anew, and is free for six hours each time.
    uint256 private constant memoryTime = 7 days;
    /// @dev Per hour, of all stakes: 0.04 %, so that a whole stake is used up after about a hundred days.
    uint256 private constant hourlyNumerator = 4;
    uint256 private constant hourlyDenominator = 10_000;
    /// @dev How long somebody has to be short before others' money helps: time to top up, or to wake up.
    uint256 private constant patience = 3 days;

    /// @dev In so long a provider is given its stake's worth of others' money once, and for a new stake nothing: it comes with
    /// its guarantee. Else money that is borrowed to refill the guarantee, or staked for a moment, would let a provider of
    /// the operator's own empty what backs all the others.
    uint256 private constant drawTime = 30 days;

    uint8 internal constant anyoneMaySettle = 1;
    uint8 internal constant scheduledPayouts = 2;

    State internal _state;
    Sums internal _sums;
    Backing internal _backing;
    Stakes internal _stakes;
    mapping(address identity => Account) internal _accounts;
    mapping(address identity => Deposit) internal _deposits;
    mapping(address identity => Shortage) internal _shortages;

    // What is there

    function providerOf(address identity) external view returns (Provider memory) {
        Account memory account = _accounts[identity];
        Deposit memory deposit = _deposits[identity];
        return Provider({
            stake: deposit.stake,
            guarantee: deposit.stake - account.lack,
            settled: account.settled,
            shortSince: account.shortSince,
            drawn: _drawnOf(deposit),
            anyoneMaySettle: account.wishes & anyoneMaySettle != 0,
            scheduledPayouts: account.wishes & scheduledPayouts != 0
        });
    }

    function operator() external view returns (address) {
        return _state.operator;
    }

    function operatorStake() external view returns (uint256) {
        return _backing.operatorStake;
    }

    function reserve() external view returns (uint256) {
        return _backing.reserve;
    }

    function totalStake() external view returns (uint256) {
        return _stakes.total;
    }

    function totalGuarantee() external view returns (uint256) {
        return _stakes.total - _sums.missing;
    }

    function punishedSince() external view returns (uint256) {
        return _state.punishedSince;
    }

    function shortProviders() external view returns (uint256) {
        return _state.shortProviders;
    }

    function rotations() external view returns (uint256) {
        return _state.rotations;
    }

    function isClosed() external view returns (bool) {
        return _state.closed;
    }

    function _guaranteeOf(address identity) internal view returns (uint256) {
        return _deposits[identity].stake - _accounts[identity].lack;
    }

    /// @dev With a plain token the balance is never below what is apart; with another it must not lock what is left.
    function _free(uint256 balance) internal view returns (uint256) {
        return _less(balance, _sums.apart);
    }

    /// @dev What may leave without touching any guarantee or what one lacks.
    function _spare(uint256 balance) internal view returns (uint256) {
        return _less(_free(balance), _sums.missing);
    }

    // The operator

    function _bookInitialization(address firstOperator, uint256 stake) internal {
        require(_state.operator == address(0), AlreadyInitialized());
        require(firstOperator != address(0), OperatorZero());
        _state.operator = firstOperator;
        _bookOperatorStake(stake);
    }

    function _bookOperatorStake(uint256 amount) internal {
        _backing.operatorStake = _to128(_backing.operatorStake + amount);
        _sums.apart = _to128(_sums.apart + amount);
    }

    /// @dev Afterwards what backed the guarantees is free; guarantees and stakes stay. Only once every guarantee is
    /// whole: covered by free funds is not enough, since a provider of the operator's own could take those first.
    function _bookRelease() internal {
        Backing memory backing = _backing;
        uint256 released = uint256(backing.operatorStake) + backing.reserve;
        if (released == 0 || _state.punishedSince != 0 || _sums.missing != 0) return;
        _backing = Backing(0, 0);
        _sums.apart = _to128(_sums.apart - released);
        emit BackingReleased(backing.operatorStake, backing.reserve);
    }

    // Settlements

    /// @dev Free funds pay, then the guarantee, then, after three days of shortage, what backs it. Whether free funds or
    /// the guarantee pay first comes to the same, since what is free refills the guarantee; so the ordinary settlement
    /// leaves the guarantee alone.
    /// @return owed by the promise.
    /// @return paid what there was, at most what is owed.
    function _bookPayment(address identity, uint256 amount, uint256 balance)
        internal
        returns (uint256 owed, uint256 paid)
    {
        Account memory account = _accounts[identity];
        owed = _owed(account.settled, amount);
        uint256 free = _free(balance);
        if (owed <= free && account.lack == 0 && account.shortSince == 0) {
            _accounts[identity].settled = _to112(amount);
            return (owed, owed);
        }
        paid = _min(owed, free);
        if (paid < owed || account.lack != 0) {
            uint256 more;
            (more, account.lack) = _bookGuarantee(identity, account, owed - paid, free - paid);
            paid += more;
        }
        require(paid != 0, NothingToPay());

        account.settled = _to112(account.settled + paid);
        account.shortSince = _noteShortage(identity, account, owed, paid);
        _accounts[identity] = account;
    }

    /// @dev Pays from the guarantee what free funds did not, or refills it with what they left.
    /// @return paid from the guarantee and from what backs it.
    /// @return left what the guarantee lacks then; the account is its caller's to write.
    function _bookGuarantee(address identity, Account memory account, uint256 rest, uint256 free)
        private
        returns (uint256 paid, uint96 left)
    {
        Deposit memory deposit = _deposits[identity];
        uint256 lack = account.lack;
        if (rest == 0) return (0, _setLack(identity, deposit, lack, lack - _min(lack, free)));
        paid = _min(rest, deposit.stake - lack);
        uint256 drawn;
        if (paid < rest && account.shortSince != 0 && block.timestamp >= account.shortSince + patience) {
            drawn = _bookDraw(identity, _min(rest - paid, _less(lack, _drawnOf(deposit))));
            deposit = _noteDrawn(deposit, drawn);
        }
        left = _setLack(identity, deposit, lack, lack + paid);
        paid += drawn;
    }

    /// @return drawn from the reserve first, then from the operator's stake.
    function _bookDraw(address identity, uint256 wanted) private returns (uint256 drawn) {
        Backing memory backing = _backing;
        uint256 fromReserve = _min(wanted, backing.reserve);
        uint256 fromOperator = _min(wanted - fromReserve, backing.operatorStake);
        drawn = fromReserve + fromOperator;
        if (drawn == 0) return 0;
        _backing = Backing(_to128(backing.operatorStake - fromOperator), _to128(backing.reserve - fromReserve));
        _sums.apart = _to128(_sums.apart - drawn);
        emit BackingDrawn(identity, fromReserve, fromOperator);
    }

    /// @dev The whole payment must come from free funds, and the new stake's guarantee besides.
    function _bookPaymentIntoStake(address identity, uint256 amount, uint256 fee, uint256 balance)
        internal
        returns (uint256 owed)
    {
        owed = _owed(_accounts[identity].settled, amount);
        require(owed > fee, FeeNotCovered(owed, fee));
        _bookStake(identity, owed - fee, _free(balance), owed);
        _accounts[identity].settled = _to112(amount);
    }

    /// @dev From the guarantee only, and it leaves nobody short: a promise of a key that was replaced.
    /// @param limit what may be paid on such promises.
    function _bookOldPayment(address identity, uint256 amount, uint256 limit)
        internal
        returns (uint256 owed, uint256 paid)
    {
        Account memory account = _accounts[identity];
        Deposit memory deposit = _deposits[identity];
        owed = _owed(account.settled, amount);
        paid = _min(_min(owed, limit), deposit.stake - account.lack);
        require(paid != 0, NothingToPay());
        account.settled = _to112(account.settled + paid);
        account.lack = _setLack(identity, deposit, account.lack, account.lack + paid);
        _accounts[identity] = account;
    }

    /// @dev Only what nobody's guarantee needs.
    function _bookPayout(address identity, uint256 upTo, uint256 balance) internal returns (uint256 paid) {
        require(_state.punishedSince == 0, InPunishment(_state.punishedSince));
        paid = _owed(_accounts[identity].settled, upTo);
        uint256 spare = _spare(balance);
        require(paid <= spare, Underpaid(paid, spare));
        _accounts[identity].settled = _to112(upTo);
    }

    /// @dev Records a shortage that a settlement could not, because it would move nothing.
    function _bookShortage(address identity, uint256 amount, uint256 balance) internal {
        Account memory account = _accounts[identity];
        uint256 owed = _owed(account.settled, amount);
        uint256 available = _free(balance) + _deposits[identity].stake - account.lack;
        // Who is short already may report a higher promise, or one of a new key: else a small one would hide it.
        require(available < owed && _isNews(_shortages[identity], amount), NotShort(owed, available));
        account.shortSince = _noteShortage(identity, account, owed, 0);
        _accounts[identity] = account;
    }

    /// @dev Keeps when a provider was first paid less than it should, until it is paid in full.
    /// @return since when it is short, or zero; the account is its caller's to write.
    function _noteShortage(address identity, Account memory account, uint256 owed, uint256 paid)
        private
        returns (uint40 since)
    {
        since = account.shortSince;
        if (paid == owed && since == 0) return since;
        Shortage memory short = _shortages[identity];
        if (paid < owed) {
            if (since == 0) {
                since = uint40(block.timestamp);
                ++_state.shortProviders;
            }
            uint256 upTo = account.settled + (owed - paid);
            if (_isNews(short, upTo)) _shortages[identity] = Shortage(_saturated(upTo), _state.rotations);
            emit SettlementShort(identity, owed, paid);
        } else if (account.settled >= short.upTo || short.rotation != _state.rotations) {
            since = 0;
            --_state.shortProviders;
            delete _shortages[identity];
            emit ShortageEnded(identity);
        }
    }

    /// @dev What is known of somebody who is not short is empty, so that any shortage is news.
    function _isNews(Shortage memory known, uint256 upTo) private view returns (bool) {
        return _saturated(upTo) > known.upTo || known.rotation != _state.rotations;
    }

    /// @dev More can never be settled.
    function _saturated(uint256 amount) private pure returns (uint112) {
        return amount < type(uint112).max ? uint112(amount) : type(uint112).max;
    }

    // Stakes and guarantees

    /// @dev Raises a stake only if free funds cover its guarantee, what is paid besides, and what all the others lack.
    function _bookStake(address identity, uint256 amount, uint256 free, uint256 paid) internal {
        require(_state.punishedSince == 0, InPunishment(_state.punishedSince));
        require(!_state.closed, AccountantClosed());
        uint256 needed = _sums.missing + amount + paid;
        require(needed <= free, GuaranteeUncovered(free, needed));

        Account memory account = _accounts[identity];
        Deposit memory deposit = _deposits[identity];
        _beforeGuaranteeChanges(identity, deposit.stake - account.lack);
        deposit = _noteDrawn(deposit, amount);
        deposit.stake = _to96(deposit.stake + amount);
        _sums = Sums(_to128(_sums.apart + 2 * amount + account.lack), _to128(_sums.missing - account.lack));
        _stakes.total = _to128(_stakes.total + amount);
        _accounts[identity].lack = 0;
        _deposits[identity] = deposit;
        emit StakeIncreased(identity, amount, deposit.stake);
        emit GuaranteeChanged(identity, deposit.stake);
    }

    /// @dev The guarantee shrinks with the stake where it is above it.
    function _bookDecrease(address identity, uint256 amount) internal returns (uint256 stake) {
        Account memory account = _accounts[identity];
        Deposit memory deposit = _deposits[identity];
        require(amount <= deposit.stake, StakeTooLow(deposit.stake, amount));
        stake = deposit.stake - amount;
        uint256 guarantee = deposit.stake - account.lack;
        uint256 left = _min(guarantee, stake);
        _beforeGuaranteeChanges(identity, guarantee);

        uint256 lack = stake - left;
        _sums = Sums(_to128(_sums.apart - amount - (guarantee - left)), _to128(_sums.missing - account.lack + lack));
        _stakes.total = _to128(_stakes.total - amount);
        _accounts[identity].lack = _to96(lack);
        // As much less counts as drawn: what may be drawn, stake less drawn, is not more for that.
        _deposits[identity] = Deposit(_to96(stake), uint96(_less(deposit.drawn, amount)), deposit.drawnAt);
        if (left != guarantee) emit GuaranteeChanged(identity, left);
    }

    /// @dev From free funds, then from the reserve.
    function _bookRefill(address identity, uint256 balance) internal {
        Account memory account = _accounts[identity];
        Deposit memory deposit = _deposits[identity];
        uint256 fromFree = _min(account.lack, _free(balance));
        uint256 fromReserve = _min(_less(account.lack - fromFree, _drawnOf(deposit)), _backing.reserve);
        require(fromFree + fromReserve != 0, NothingToRebalance());

        if (fromReserve != 0) {
            _backing.reserve = _to128(_backing.reserve - fromReserve);
            _sums.apart = _to128(_sums.apart - fromReserve);
            deposit = _noteDrawn(deposit, fromReserve);
        }
        uint256 left = account.lack - fromFree - fromReserve;
        _accounts[identity].lack = _setLack(identity, deposit, account.lack, left);
    }

    /// @dev Writes deposit and sums.
    /// @return lack as the caller writes it into the account.
    function _setLack(address identity, Deposit memory deposit, uint256 before, uint256 lack) private returns (uint96) {
        if (lack != before) {
            _beforeGuaranteeChanges(identity, deposit.stake - before);
            _sums = Sums(_to128(_sums.apart + before - lack), _to128(_sums.missing + lack - before));
            emit GuaranteeChanged(identity, deposit.stake - lack);
        }
        _deposits[identity] = deposit;
        return _to96(lack);
    }

    function _drawnOf(Deposit memory deposit) private view returns (uint256) {
        return block.timestamp < deposit.drawnAt + drawTime ? deposit.drawn : 0;
    }

    /// @return deposit as it is to be written.
    function _noteDrawn(Deposit memory deposit, uint256 drawn) private view returns (Deposit memory) {
        if (drawn == 0) return deposit;
        uint256 before = _drawnOf(deposit);
        // The mean, so that a base unit of anybody's renews nothing.
        uint256 meanAt = (before * deposit.drawnAt + drawn * block.timestamp) / (before + drawn);
        return Deposit(deposit.stake, _to96(before + drawn), uint40(meanAt));
    }

    /// @dev Called with the guarantee as it was, before it is another. It may change nothing in these books.
    function _beforeGuaranteeChanges(address identity, uint256 guarantee) internal virtual;

    // Withdrawals

    function _bookWithdrawal(uint256 amount, uint256 balance) internal view returns (uint256 paid) {
        require(_state.punishedSince == 0, InPunishment(_state.punishedSince));
        paid = _min(amount, _spare(balance));
        require(paid != 0, NothingToWithdraw());
    }

    // Punishment

    /// @dev Moves what is due from the operator's stake into the reserve. To be called before anything else in a call
    /// that may change stakes, draw on the backing, or end the punishment.
    function _punish() internal {
        if (_state.punishedSince == 0) return;
        uint256 movedUntil = _stakes.movedUntil;
        if (block.timestamp < movedUntil + 1 hours) return;
        uint256 due = (block.timestamp - movedUntil) / 1 hours;
        uint256 amount = _min(_backing.operatorStake, due * _stakes.total * hourlyNumerator / hourlyDenominator);
        _stakes.movedUntil = uint40(movedUntil + due * 1 hours);
        if (amount == 0) return;
        _backing = Backing(_to128(_backing.operatorStake - amount), _to128(_backing.reserve + amount));
        emit OperatorPunished(amount, due);
    }

    /// @dev Starts or ends a punishment. Only settlements and shortages call it: nothing else is a weapon that starts one.
    function _judge(uint256 free) internal {
        if (_state.punishedSince != 0) return _endPunishmentIfOver(free);
        if (!_isPunishable(free)) return;
        _state.punishedSince = uint40(block.timestamp);
        uint256 endedAt = _stakes.endedAt;
        bool goesOn = endedAt != 0 && block.timestamp < endedAt + memoryTime;
        _stakes.movedUntil =
            uint40(goesOn ? _stakes.movedUntil + (block.timestamp - endedAt) : block.timestamp + freeTime);
        emit PunishmentStarted(_sums.missing, free);
    }

    /// @dev Ends it when guarantees are covered again and nobody is left short.
    function _endPunishmentIfOver(uint256 free) internal {
        if (_state.punishedSince == 0 || _isPunishable(free)) return;
        _state.punishedSince = 0;
        _stakes.endedAt = uint40(block.timestamp);
        emit PunishmentEnded();
    }

    function _isPunishable(uint256 free) private view returns (bool) {
        return _state.shortProviders != 0 || _sums.missing > free;
    }

    // Numbers

    function _owed(uint256 settled, uint256 amount) private pure returns (uint256) {
        require(amount > settled, PromiseNotIncreasing(settled, amount));
        return amount - settled;
    }

    function _min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    function _less(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    function _to96(uint256 amount) internal pure returns (uint96) {
        require(amount <= type(uint96).max, AmountTooLarge(amount));
        return uint96(amount);
    }

    function _to112(uint256 amount) private pure returns (uint112) {
        require(amount <= type(uint112).max, AmountTooLarge(amount));
        return uint112(amount);
    }

    function _to128(uint256 amount) private pure returns (uint128) {
        require(amount <= type(uint128).max, AmountTooLarge(amount));
        return uint128(amount);
    }
}
