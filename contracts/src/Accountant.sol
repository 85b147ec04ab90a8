// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Funds} from "./accountant/Funds.sol";
import {Stakes} from "./accountant/Stakes.sol";
import {Treasury} from "./accountant/Treasury.sol";
import {IConsumerChannel} from "./interfaces/IConsumerChannel.sol";
import {Attempt} from "./lib/Attempt.sol";
import {PromiseHash} from "./lib/PromiseHash.sol";

/// @dev Settling and collecting; see `accountant/` for funds, stakes and what the owner decides.
contract Accountant is Stakes, Treasury {
    using SafeCast for uint256;

    bytes32 private constant settleOrderTypeHash = keccak256(
        "SettleOrder(address provider,uint8 into,uint256 amount,address beneficiary,address transactor,uint256 fee,bool allowPartial,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant settleWishTypeHash =
        keccak256("SettleWish(address provider,bool anyone,uint256 nonce,uint256 deadline)");

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

    /// @dev The registry deploys the implementation.
    constructor(IERC20 token_, uint256 exitDelay_, uint256 rateNotice) Funds(token_, exitDelay_) Treasury(rateNotice) {}

    function initialize(address firstOwner, address firstOperator, uint256 stake, uint256 rate) external onlyClone {
        if (msg.sender != address(_registry)) revert NotRegistry(msg.sender);
        if (operator != address(0)) revert AlreadyInitialized();
        operator = firstOperator;
        _operatorStake = stake.toUint128();
        _setOwner(firstOwner, rate);
        emit Initialized(firstOwner, firstOperator, stake, rate);
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
        _requireSigner(keccak256(abi.encode(settleOrderTypeHash, order)), order.provider, orderSignature);
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

    function collect(Claim[] calldata claims) external onlyClone nonReentrant {
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            bytes memory data = abi.encodeCall(
                IConsumerChannel.settle, (claim.amount, claim.preimage, claim.agreementHash, claim.signature)
            );
            (bool done, bytes4 reason) = Attempt.call(i, claim.channel, data);
            if (!done) emit ClaimSkipped(claim.channel, claim.amount, reason);
        }
        if (_punishedSince != 0) _endPunishmentIfOver(freeFunds());
    }

    function changeSettleWish(SettleWish calldata wish, bytes calldata signature) external onlyClone {
        _requireBefore(wish.deadline);
        _requireSigner(keccak256(abi.encode(settleWishTypeHash, wish)), wish.provider, signature);
        _useNonce(wish.provider, wish.nonce);

        _providers[wish.provider].anyoneMaySettle = wish.anyone;
        emit SettleWishChanged(wish.provider, wish.anyone);
    }

    /// @dev Without an order: to the registered beneficiary, no fee, as much as there is.
    function _plainly() private pure returns (Manner memory) {
        return Manner(intoWallet, address(0), address(0), 0, true);
    }

    function _requireMaySettle(address identity, address sender) private view {
        if (sender != identity && sender != operator && !_providers[identity].anyoneMaySettle) {
            revert MayNotSettle(identity, sender);
        }
    }

    function _settle(address identity, uint256 amount, bytes32 preimage, bytes calldata signature, Manner memory manner)
        private
    {
        uint256 before = _providers[identity].settled;
        if (amount <= before) revert PromiseNotIncreasing(before, amount);
        _requireSigner(PromiseHash.accountant(identity, amount, PromiseHash.lock(preimage)), operator, signature);
        address to = manner.into == intoStake ? address(this) : manner.beneficiary;
        if (to == address(0)) to = _registry.beneficiaryOf(identity);

        uint256 paid = _draw(identity, amount - before, manner);
        _providers[identity].settled = (before + paid).toUint128();
        emit ProviderSettled(identity, amount, paid, manner.fee, to, preimage);
        _send(manner.transactor, manner.fee);
        if (to != address(this)) _send(to, paid - manner.fee);
    }

    /// @dev Takes what is owed from the provider's guarantee, then from free funds, and refills the guarantee.
    /// @return paid what there was, at most what is owed.
    function _draw(address identity, uint256 owed, Manner memory manner) private returns (uint256 paid) {
        uint256 free = freeFunds();
        uint256 guarantee = _providers[identity].guarantee;
        paid = _min(owed, guarantee + free);
        if (paid == 0) revert NothingToPay();
        if (paid <= manner.fee) revert FeeNotCovered(paid, manner.fee);
        if (paid < owed && !manner.allowPartial) revert Underpaid(owed, paid);

        uint256 fromGuarantee = _min(paid, guarantee);
        guarantee -= fromGuarantee;
        free -= paid - fromGuarantee;
        _noteShortage(identity, owed, paid);
        if (manner.into == intoStake) {
            _addStake(identity, paid - manner.fee, guarantee, free);
        } else {
            uint256 stake = _providers[identity].stake;
            uint256 refill = _min(stake - guarantee, free);
            _setShares(identity, stake, guarantee + refill);
            _startPunishmentIfDue(free - refill);
            _endPunishmentIfOver(free - refill);
        }
    }

    /// @dev Keeps when a provider was first paid less than it should, until it is paid in full.
    function _noteShortage(address identity, uint256 owed, uint256 paid) private {
        Provider storage account = _providers[identity];
        if (paid < owed) {
            if (account.shortSince == 0) {
                account.shortSince = uint64(block.timestamp);
                ++_shortProviders;
            }
            emit SettlementShort(identity, owed, paid);
        } else if (account.shortSince != 0) {
            account.shortSince = 0;
            --_shortProviders;
        }
    }
}
