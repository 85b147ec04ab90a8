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

    function settle(address identity, uint256 amount, bytes32 preimage, bytes calldata signature)
        external
        onlyClone
        nonReentrant
    {
        _requireMaySettle(identity, msg.sender);
        _requireMore(identity, amount);
        uint256 rotation = _rotationOf(CanonicalSignature.recover(_digest(identity, amount, preimage), signature));
        _settle(identity, amount, preimage, rotation, _balance());
    }

    function settleWithOrder(
        SettleOrder calldata order,
        bytes32 preimage,
        bytes calldata promiseSignature,
        bytes calldata orderSignature
    ) external onlyClone nonReentrant {
        if (order.into > intoStake) revert UnknownInto(order.into);
        if (order.beneficiary == address(this)) revert RecipientIsAccountant();
        _requireBefore(order.deadline);
        _requireTransactor(order.transactor, order.fee);
        _requireSigner(order.hash(), order.provider, orderSignature);
        _useNonce(order.provider, order.nonce);
        _requireMore(order.provider, order.amount);
        bytes32 digest = _digest(order.provider, order.amount, preimage);
        uint256 rotation = _rotationOf(CanonicalSignature.recover(digest, promiseSignature));
        address to = order.into == intoStake ? address(this) : order.beneficiary;
        if (to == address(0)) to = _beneficiaryOf(order.provider);

        uint256 paid = _bookOrder(order, rotation);
        emit ProviderSettled(order.provider, order.amount, paid, preimage);
        emit OrderSettled(order.provider, to, order.fee);
        _send(order.transactor, order.fee);
        if (order.into == intoWallet) _send(to, paid - order.fee);
    }

    function settleMany(Settlement[] calldata items) external onlyClone nonReentrant {
        uint256 balance = _balance();
        for (uint256 i = 0; i < items.length; ++i) {
            bytes memory data = abi.encodeCall(this.settleOne, (balance, msg.sender, items[i]));
            (bool done, bytes32 answer) = Attempt.call(i, address(this), data);
            if (done) balance -= uint256(answer);
            else emit SettlementSkipped(items[i].provider, items[i].amount, bytes4(answer));
        }
    }

    function settleOne(uint256 balance, address sender, Settlement calldata item) external returns (uint256 paid) {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        _requireMaySettle(item.provider, sender);
        _requireMore(item.provider, item.amount);
        bytes32 digest = _digest(item.provider, item.amount, item.preimage);
        uint256 rotation = _rotationOf(CanonicalSignature.recover(digest, item.r, item.s, item.v));
        return _settle(item.provider, item.amount, item.preimage, rotation, balance);
    }

    function payout(address[] calldata providers, uint256[] calldata upTo) external onlyClone nonReentrant {
        if (msg.sender != _state.operator) revert NotOperator(msg.sender);
        if (providers.length != upTo.length) revert ListsDiffer(providers.length, upTo.length);
        uint256 balance = _balance();
        for (uint256 i = 0; i < providers.length; ++i) {
            bytes memory data = abi.encodeCall(this.payoutOne, (providers[i], upTo[i], balance));
            (bool done, bytes32 answer) = Attempt.call(i, address(this), data);
            if (done) balance -= uint256(answer);
            else emit PayoutSkipped(providers[i], upTo[i], bytes4(answer));
        }
    }

    function payoutOne(address identity, uint256 upTo, uint256 balance) external returns (uint256 paid) {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        if (_accounts[identity].wishes & scheduledPayouts == 0) revert NoPayoutsWished(identity);
        paid = _bookPayout(identity, upTo, balance);
        address to = _beneficiaryOf(identity);

        emit ProviderPaidOut(identity, upTo, paid, to);
        _send(to, paid);
    }

    function reportShortage(address identity, uint256 amount, bytes32 preimage, bytes calldata signature)
        external
        onlyClone
        nonReentrant
    {
        // Nobody can be paid, and would be short for ever.
        if (identity == address(0)) revert BeneficiaryZero();
        _requireSigner(PromiseHash.accountant(identity, amount, PromiseHash.lock(preimage)), _state.operator, signature);
        _punish();
        uint256 balance = _balance();
        emit ShortageReported(identity, amount, preimage);
        _bookShortage(identity, amount, balance);
        _judge(_free(balance));
    }

    function changeSettleWish(SettleWish calldata wish, bytes calldata signature) external onlyClone {
        _requireBefore(wish.deadline);
        _requireSigner(wish.hash(), wish.provider, signature);
        _useNonce(wish.provider, wish.nonce);

        _accounts[wish.provider].wishes = (wish.anyone ? anyoneMaySettle : 0) | (wish.payouts ? scheduledPayouts : 0);
        emit SettleWishChanged(wish.provider, wish.anyone, wish.payouts);
    }

    function _requireMaySettle(address identity, address sender) private view {
        if (sender == identity || sender == _state.operator) return;
        if (_accounts[identity].wishes & anyoneMaySettle == 0) revert MayNotSettle(identity, sender);
    }

    /// @dev The books ask it again; here it spares the sender of a promise that was settled before the recovery's gas.
    function _requireMore(address identity, uint256 amount) private view {
        uint256 settled = _accounts[identity].settled;
        if (amount <= settled) revert PromiseNotIncreasing(settled, amount);
    }

    function _digest(address identity, uint256 amount, bytes32 preimage) private view returns (bytes32) {
        return Domain.digest(PromiseHash.accountant(identity, amount, PromiseHash.lock(preimage)));
    }

    /// @return rotation that replaced the key; zero: it is the operator's. Any other key is refused.
    function _rotationOf(address key) private view returns (uint256 rotation) {
        address operator_ = _state.operator;
        if (key == operator_) return 0;
        rotation = replacedIn[key];
        if (rotation == 0) revert WrongSigner(operator_, key);
    }

    /// @dev To the registered beneficiary, without a fee, as much as there is.
    function _settle(address identity, uint256 amount, bytes32 preimage, uint256 rotation, uint256 balance)
        private
        returns (uint256 paid)
    {
        address to = _beneficiaryOf(identity);
        (, paid) = _bookPaid(identity, amount, rotation, balance);
        emit ProviderSettled(identity, amount, paid, preimage);
        _send(to, paid);
    }

    function _bookPaid(address identity, uint256 amount, uint256 rotation, uint256 balance)
        private
        returns (uint256 owed, uint256 paid)
    {
        _punish();
        (owed, paid) =
            rotation == 0 ? _bookPayment(identity, amount, balance) : _bookReplaced(identity, amount, rotation);
        _judge(_free(balance - paid));
    }

    function _bookOrder(SettleOrder calldata order, uint256 rotation) private returns (uint256 paid) {
        uint256 balance = _balance();
        if (order.into == intoStake) {
            if (rotation != 0) revert ReplacedKeyIntoStake(rotation);
            _punish();
            return _bookPaymentIntoStake(order.provider, order.amount, order.fee, balance);
        }
        uint256 owed;
        (owed, paid) = _bookPaid(order.provider, order.amount, rotation, balance);
        if (paid <= order.fee) revert FeeNotCovered(paid, order.fee);
        if (paid < owed && !order.allowPartial) revert Underpaid(owed, paid);
    }
}
