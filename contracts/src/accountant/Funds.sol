// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAccountant} from "../interfaces/IAccountant.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Signed} from "../lib/Signed.sol";

/// @title What an accountant holds, what of it is set apart, and when it is punished.
/// @dev Amounts are 128 bits wide in storage and packed by who reads them together.
abstract contract Funds is IAccountant, Signed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    IERC20 internal immutable _token;
    IRegistry internal immutable _registry;
    address private immutable _implementation = address(this);
    uint256 public immutable exitDelay;

    address public operator;
    /// @dev Since when withdrawals and new stakes are refused; zero: they are not.
    uint64 internal _punishedSince;
    uint32 internal _shortProviders;
    uint128 internal _totalStake;
    uint128 internal _totalGuarantee;
    uint128 internal _operatorStake;
    uint128 internal _reserve;
    mapping(address identity => Provider) internal _providers;

    constructor(IERC20 token_, uint256 exitDelay_) {
        _token = token_;
        _registry = IRegistry(msg.sender);
        exitDelay = exitDelay_;
    }

    /// @dev The implementation behind the clones is nobody's accountant.
    modifier onlyClone() {
        if (address(this) == _implementation) revert NotAClone();
        _;
    }

    function providerOf(address identity) external view returns (Provider memory) {
        return _providers[identity];
    }

    function freeFunds() public view returns (uint256) {
        uint256 balance = _token.balanceOf(address(this));
        uint256 apart = uint256(_operatorStake) + _reserve + _totalStake + _totalGuarantee;
        // With a plain token the balance is never below; with another it must not lock what is left.
        return balance > apart ? balance - apart : 0;
    }

    function operatorStake() external view returns (uint256) {
        return _operatorStake;
    }

    function reserve() external view returns (uint256) {
        return _reserve;
    }

    function totalStake() external view returns (uint256) {
        return _totalStake;
    }

    function totalGuarantee() external view returns (uint256) {
        return _totalGuarantee;
    }

    function punishedSince() external view returns (uint256) {
        return _punishedSince;
    }

    function shortProviders() external view returns (uint256) {
        return _shortProviders;
    }

    function token() external view returns (address) {
        return address(_token);
    }

    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @dev What all guarantees together lack of their targets. A guarantee is never above its stake.
    function _missing() internal view returns (uint256) {
        return _totalStake - _totalGuarantee;
    }

    /// @dev Sets a provider's stake and guarantee; the sums over all providers follow.
    function _setShares(address identity, uint256 stake, uint256 guarantee) internal {
        Provider storage account = _providers[identity];
        (uint128 oldStake, uint128 oldGuarantee) = (account.stake, account.guarantee);
        if (stake == oldStake && guarantee == oldGuarantee) return;
        (account.stake, account.guarantee) = (stake.toUint128(), guarantee.toUint128());
        _totalStake = (_totalStake - oldStake + stake).toUint128();
        _totalGuarantee = (_totalGuarantee - oldGuarantee + guarantee).toUint128();
        if (guarantee != oldGuarantee) emit GuaranteeChanged(identity, guarantee);
    }

    /// @dev Starts a punishment. Only a settlement calls it, so nothing else can be used as a weapon.
    function _startPunishmentIfDue(uint256 free) internal {
        if (_punishedSince != 0 || (_shortProviders == 0 && _missing() <= free)) return;
        _punishedSince = uint64(block.timestamp);
        emit PunishmentStarted(_missing(), free);
    }

    /// @dev Ends it when guarantees are covered again and nobody is left short.
    function _endPunishmentIfOver(uint256 free) internal {
        if (_punishedSince == 0 || _shortProviders != 0 || _missing() > free) return;
        _punishedSince = 0;
        emit PunishmentEnded();
    }

    /// @dev Takes tokens from the sender, who allowed it.
    function _receive(uint256 amount) internal {
        uint256 before = _token.balanceOf(address(this));
        _token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = _token.balanceOf(address(this)) - before;
        if (received != amount) revert TokenUnsupported(amount, received);
    }

    function _send(address to, uint256 amount) internal {
        if (amount != 0) _token.safeTransfer(to, amount);
    }

    function _min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
