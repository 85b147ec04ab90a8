// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../interfaces/accountant/ISettlements.sol";
import {Attempt} from "../lib/Attempt.sol";
import {CanonicalSignature} from "../lib/CanonicalSignature.sol";
import {Domain} from "../lib/Domain.sol";
import {Messages} from "../lib/Messages.sol";
import {PromiseHash} from "../lib/PromiseHash.sol";
import {Rotation} from "./Rotation.sol";

/// @title Settlements of providers: one, ordered, many, and payouts without a promise.
abstract contract Settlements is ISettlements, Rotation {
    using Messages for SettleOrder;
    using Messages for SettleWish;

    uint8 private constant intoWallet = 0;
    uint8 private constant intoStake = 1;

    /// @dev How a settlement is to be done, whoever said so.
    struct Manner {
        uint8 into;
        address beneficiary;
        address transactor;
        uint256 fee;
        bool allowPartial;
    }

    function settle(address identity, uint256 amount, bytes32 preimage, bytes calldata signature)
        external
        onlyClone
        nonReentrant
    {
        _requireMaySettle(identity, msg.sender);
        _settle(identity, amount, preimage, signature, _plainly());
    }

    function settleWithOrder(
        SettleOrder calldata order,
        bytes32 preimage,
        bytes calldata promiseSignature,
        bytes calldata orderSignature
    ) external onlyClone nonReentrant {
        if (order.into > intoStake) revert UnknownInto(order.into);
        _requireBefore(order.deadline);
        _requireTransactor(order.transactor, order.fee);
        _requireSigner(order.hash(), order.provider, orderSignature);
        _useNonce(order.provider, order.nonce);
        Manner memory manner = Manner(order.into, order.beneficiary, order.transactor, order.fee, order.allowPartial);
        _settle(order.provider, order.amount, preimage, promiseSignature, manner);
    }

    function settleMany(Settlement[] calldata items) external onlyClone nonReentrant {
        for (uint256 i = 0; i < items.length; ++i) {
            (bool done, bytes4 reason) =
                Attempt.call(i, address(this), abi.encodeCall(this.settleItem, (msg.sender, items[i])));
            if (!done) emit SettlementSkipped(items[i].provider, items[i].amount, reason);
        }
    }

    function settleItem(address sender, Settlement calldata item) external {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        _requireMaySettle(item.provider, sender);
        _settle(item.provider, item.amount, item.preimage, item.signature, _plainly());
    }

    function payout(address[] calldata providers, uint256[] calldata upTo) external onlyClone nonReentrant {
        if (msg.sender != _state.operator) revert NotOperator(msg.sender);
        if (providers.length != upTo.length) revert ListsDiffer(providers.length, upTo.length);
        for (uint256 i = 0; i < providers.length; ++i) {
            (bool done, bytes4 reason) =
                Attempt.call(i, address(this), abi.encodeCall(this.payoutItem, (providers[i], upTo[i])));
            if (!done) emit PayoutSkipped(providers[i], upTo[i], reason);
        }
    }

    function payoutItem(address identity, uint256 upTo) external {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        if (_accounts[identity].wishes & scheduledPayouts == 0) revert NoPayoutsWished(identity);
        uint256 paid = _bookPayout(identity, upTo, _balance());
        address to = _registry.beneficiaryOf(identity);

        emit ProviderPaidOut(identity, upTo, paid, to);
        _send(to, paid);
    }

    function reportShortage(address identity, uint256 amount, bytes32 preimage, bytes calldata signature)
        external
        onlyClone
        nonReentrant
    {
        _requireSigner(PromiseHash.accountant(identity, amount, PromiseHash.lock(preimage)), _state.operator, signature);
        _punish();
        uint256 balance = _balance();
        emit ShortageReported(identity, amount, preimage);
        _bookShortage(identity, amount, balance);
        _startPunishmentIfDue(_free(balance));
    }

    function changeSettleWish(SettleWish calldata wish, bytes calldata signature) external onlyClone {
        _requireBefore(wish.deadline);
        _requireSigner(wish.hash(), wish.provider, signature);
        _useNonce(wish.provider, wish.nonce);

        _accounts[wish.provider].wishes = (wish.anyone ? anyoneMaySettle : 0) | (wish.payouts ? scheduledPayouts : 0);
        emit SettleWishChanged(wish.provider, wish.anyone, wish.payouts);
    }

    /// @dev Without an order: to the registered beneficiary, no fee, as much as there is.
    function _plainly() private pure returns (Manner memory) {
        return Manner(intoWallet, address(0), address(0), 0, true);
    }

    function _requireMaySettle(address identity, address sender) private view {
        if (sender == identity || sender == _state.operator) return;
        if (_accounts[identity].wishes & anyoneMaySettle == 0) revert MayNotSettle(identity, sender);
    }

    function _settle(address identity, uint256 amount, bytes32 preimage, bytes calldata signature, Manner memory manner)
        private
    {
        uint256 settled = _accounts[identity].settled;
        if (amount <= settled) revert PromiseNotIncreasing(settled, amount);
        uint256 rotation = _requirePromise(identity, amount, preimage, signature);
        address to = manner.into == intoStake ? address(this) : manner.beneficiary;
        if (to == address(0)) to = _registry.beneficiaryOf(identity);

        uint256 paid = _bookSettlement(identity, amount, rotation, manner);
        emit ProviderSettled(identity, amount, paid, manner.fee, to, preimage);
        _send(manner.transactor, manner.fee);
        if (to != address(this)) _send(to, paid - manner.fee);
    }

    function _bookSettlement(address identity, uint256 amount, uint256 rotation, Manner memory manner)
        private
        returns (uint256 paid)
    {
        _punish();
        uint256 balance = _balance();
        uint256 owed;
        if (manner.into == intoStake) {
            if (rotation != 0) revert ReplacedKeyIntoStake(rotation);
            return _bookPaymentIntoStake(identity, amount, manner.fee, balance);
        }
        (owed, paid) =
            rotation == 0 ? _bookPayment(identity, amount, balance) : _bookReplaced(identity, amount, rotation);
        if (paid <= manner.fee) revert FeeNotCovered(paid, manner.fee);
        if (paid < owed && !manner.allowPartial) revert Underpaid(owed, paid);

        uint256 free = _free(balance - paid);
        _startPunishmentIfDue(free);
        _endPunishmentIfOver(free);
    }

    /// @return rotation that replaced the key which signed; zero: it is the operator's. Any other key is refused.
    function _requirePromise(address identity, uint256 amount, bytes32 preimage, bytes calldata signature)
        private
        view
        returns (uint256 rotation)
    {
        bytes32 structHash = PromiseHash.accountant(identity, amount, PromiseHash.lock(preimage));
        address key = CanonicalSignature.recover(Domain.digest(structHash), signature);
        if (key == _state.operator) return 0;
        rotation = replacedIn[key];
        if (rotation == 0) revert WrongSigner(_state.operator, key);
    }
}
