// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ChannelBooks} from "./channel/ChannelBooks.sol";
import {IAccountant} from "./interfaces/IAccountant.sol";
import {IConsumerChannel} from "./interfaces/IConsumerChannel.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {CloneCode} from "./lib/CloneCode.sol";
import {Messages} from "./lib/Messages.sol";
import {PromiseHash} from "./lib/PromiseHash.sol";
import {Signed} from "./lib/Signed.sol";

/// @dev One implementation; every channel is a clone whose code ends with `identity ‖ accountant`. There is no
/// initializer that somebody else could call first, and no storage to set up: money can wait at the address.
contract ConsumerChannel is IConsumerChannel, ChannelBooks, Signed {
    using SafeERC20 for IERC20;
    using Messages for ExitRequest;
    using Messages for ExitCancel;
    using Messages for FastExit;

    /// @dev Hashing the chain costs 1,024 · 90 gas at most, and a hold locks no more than that many ticks.
    uint256 private constant maxTicks = 1024;

    IERC20 private immutable _token;
    IRegistry private immutable _registry;
    address private immutable _implementation = address(this);
    uint256 public immutable exitDelay;

    /// @dev The registry deploys the implementation.
    constructor(IERC20 token_, uint256 exitDelay_) {
        _token = token_;
        _registry = IRegistry(msg.sender);
        exitDelay = exitDelay_;
    }

    function settle(uint256 amount, bytes32 preimage, bytes32 agreementHash, bytes calldata signature) external {
        (address identity_, address accountant_) = _parties();
        if (amount <= settled) revert PromiseNotIncreasing(settled, amount);
        _requirePromise(identity_, amount, PromiseHash.lock(preimage), agreementHash, PromiseHash.noTicks, signature);
        _settle(accountant_, amount, preimage);
    }

    function settleTicks(
        uint256 amount,
        bytes32 preimage,
        bytes32 agreementHash,
        Ticks calldata ticks,
        uint256 k,
        bytes32 w,
        bytes calldata signature
    ) external {
        (address identity_, address accountant_) = _parties();
        if (k > ticks.max) revert TicksAboveMax(ticks.max, k);
        bytes32 ticksHash = _ticksHash(ticks);
        _requirePromise(identity_, amount, PromiseHash.lock(preimage), agreementHash, ticksHash, signature);
        bytes32 hashed = w;
        for (uint256 i = 0; i < k; ++i) {
            hashed = PromiseHash.lock(hashed);
        }
        if (hashed != ticks.root) revert TickNotOfChain(ticks.root, hashed);
        _settle(accountant_, amount + k * ticks.value, preimage);
    }

    function hold(uint256 amount, bytes32 hashlock, bytes32 agreementHash, bytes calldata signature) external {
        (address identity_,) = _parties();
        _requirePromise(identity_, amount, hashlock, agreementHash, PromiseHash.noTicks, signature);
        _hold(amount, hashlock);
    }

    function holdTicks(
        uint256 amount,
        bytes32 hashlock,
        bytes32 agreementHash,
        Ticks calldata ticks,
        bytes calldata signature
    ) external {
        (address identity_,) = _parties();
        _requirePromise(identity_, amount, hashlock, agreementHash, _ticksHash(ticks), signature);
        _hold(amount + ticks.max * ticks.value, hashlock);
    }

    function requestExit(ExitRequest calldata request, bytes calldata signature) external {
        (address identity_,) = _parties();
        if (_exit.dueAt != 0) revert ExitAlreadyRequested(_exit.dueAt);
        _requireBefore(request.deadline);
        _requireTransactor(request.transactor, request.fee);
        _requireSigner(request.hash(), identity_, signature);
        _useNonce(identity_, request.nonce);
        address beneficiary = _beneficiary(identity_, request.beneficiary);

        uint256 dueAt = block.timestamp + exitDelay;
        _bookExitRequest(Exit(uint64(dueAt), beneficiary, request.transactor, request.fee));
        emit ExitRequested(dueAt, beneficiary, request.transactor, request.fee);
    }

    function cancelExit(ExitCancel calldata cancel, bytes calldata signature) external {
        (address identity_,) = _parties();
        if (_exit.dueAt == 0) revert ExitNotRequested();
        _requireBefore(cancel.deadline);
        _requireSigner(cancel.hash(), identity_, signature);
        _useNonce(identity_, cancel.nonce);

        _bookExitCancel();
        emit ExitCancelled();
    }

    function finalizeExit() external {
        _parties();
        (Exit memory ended, uint256 payment, uint256 fee) = _bookExit(_balance());
        emit ExitFinalized(payment - fee, ended.beneficiary, ended.transactor, fee);
        _pay(ended.beneficiary, payment - fee, ended.transactor, fee);
    }

    function fastExit(FastExit calldata request, bytes calldata identitySignature, bytes calldata operatorSignature)
        external
    {
        (address identity_, address accountant_) = _parties();
        _requireBefore(request.deadline);
        _requireTransactor(request.transactor, request.fee);
        if (request.amount == 0) revert NothingToPay(0, 0);
        if (request.fee > request.amount) revert FeeAboveAmount(request.amount, request.fee);
        uint256 balance = _balance();
        if (balance < request.amount) revert BalanceTooLow(balance, request.amount);
        bytes32 structHash = request.hash();
        _requireSigner(structHash, identity_, identitySignature);
        _requireSigner(structHash, IAccountant(accountant_).operator(), operatorSignature);
        _useNonce(identity_, request.nonce);
        address beneficiary = _beneficiary(identity_, request.beneficiary);

        uint256 paid = request.amount - request.fee;
        emit FastExited(paid, beneficiary, request.transactor, request.fee, request.nonce);
        _pay(beneficiary, paid, request.transactor, request.fee);
    }

    function payRegistration(address recipient, uint256 fee, address transactor, uint256 transactorFee) external {
        _parties();
        if (msg.sender != address(_registry)) revert NotRegistry(msg.sender);
        uint256 balance = _balance();
        if (balance < fee + transactorFee) revert BalanceTooLow(balance, fee + transactorFee);

        emit RegistrationPaid(fee, transactor, transactorFee);
        _pay(recipient, fee, transactor, transactorFee);
    }

    function recoverToken(address other, address to) external {
        if (other == address(_token)) revert RecoveryOfOwnToken();
        uint256 before = _requireIdentity();
        uint256 amount = IERC20(other).balanceOf(address(this));

        emit Recovered(other, to, amount);
        IERC20(other).safeTransfer(to, amount);
        _requireBalance(before);
    }

    function recoverNative(address to) external {
        uint256 before = _requireIdentity();
        uint256 amount = address(this).balance;

        emit Recovered(address(0), to, amount);
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert NativeTransferFailed(to);
        _requireBalance(before);
    }

    function identity() external view returns (address identity_) {
        (identity_,) = _parties();
    }

    function accountant() external view returns (address accountant_) {
        (, accountant_) = _parties();
    }

    function token() external view returns (address) {
        return address(_token);
    }

    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @dev Every way in begins here, so the implementation itself can do nothing.
    function _parties() private view returns (address identity_, address accountant_) {
        if (address(this) == _implementation) revert NotAClone();
        return CloneCode.parties();
    }

    function _requirePromise(
        address identity_,
        uint256 amount,
        bytes32 hashlock,
        bytes32 agreementHash,
        bytes32 ticksHash,
        bytes calldata signature
    ) private view {
        _requireSigner(PromiseHash.payment(amount, hashlock, agreementHash, ticksHash), identity_, signature);
    }

    function _ticksHash(Ticks calldata ticks) private pure returns (bytes32) {
        if (ticks.max > maxTicks) revert TooManyTicks(maxTicks, ticks.max);
        return PromiseHash.ticks(ticks.root, ticks.value, ticks.max);
    }

    function _settle(address accountant_, uint256 amount, bytes32 preimage) private {
        uint256 paid = _bookSettlement(amount, _balance());
        emit Settled(amount, paid, settled, preimage);
        _token.safeTransfer(accountant_, paid);
    }

    function _hold(uint256 amount, bytes32 hashlock) private {
        if (hashlock == 0) revert HashlockZero();
        _bookHold(amount);
        emit Held(amount, hashlock);
    }

    function _beneficiary(address identity_, address chosen) private view returns (address) {
        return chosen == address(0) ? _registry.beneficiaryOf(identity_) : chosen;
    }

    function _pay(address to, uint256 amount, address transactor, uint256 fee) private {
        if (fee != 0) _token.safeTransfer(transactor, fee);
        if (amount != 0) _token.safeTransfer(to, amount);
    }

    function _balance() private view returns (uint256) {
        return _token.balanceOf(address(this));
    }

    function _requireIdentity() private view returns (uint256 balance) {
        (address identity_,) = _parties();
        if (msg.sender != identity_) revert NotIdentity(identity_, msg.sender);
        return _balance();
    }

    function _requireBalance(uint256 before) private view {
        uint256 balance = _balance();
        if (balance != before) revert RecoveryMovedOwnToken(before, balance);
    }
}
