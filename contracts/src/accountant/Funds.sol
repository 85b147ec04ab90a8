// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IFunds} from "../interfaces/IAccountant.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Signed} from "../lib/Signed.sol";
import {Books} from "./Books.sol";

/// @title The token, the registry, and how money comes and goes.
abstract contract Funds is IFunds, Books, Signed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IERC20 internal immutable _token;
    IRegistry internal immutable _registry;
    address private immutable _implementation = address(this);
    uint256 public immutable exitDelay;

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

    function freeFunds() public view returns (uint256) {
        return _free(_balance());
    }

    function token() external view returns (address) {
        return address(_token);
    }

    function registry() external view returns (address) {
        return address(_registry);
    }

    function _balance() internal view returns (uint256) {
        return _token.balanceOf(address(this));
    }

    /// @dev Takes tokens from the sender, who allowed it.
    function _receive(uint256 amount) internal {
        uint256 before = _balance();
        _token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = _balance() - before;
        if (received != amount) revert TokenUnsupported(amount, received);
    }

    function _send(address to, uint256 amount) internal {
        if (amount != 0) _token.safeTransfer(to, amount);
    }

    /// @dev The identity itself where it names the accountant: that money would leave its owner, and not the contract. Were
    /// it refused, a provider that is short could stay so for ever, and the punishment with it.
    function _beneficiaryOf(address identity) internal view returns (address beneficiary) {
        beneficiary = _registry.beneficiaryOf(identity);
        if (beneficiary == address(this)) return identity;
    }

    function _requireDue(uint256 dueAt) internal view {
        if (block.timestamp < dueAt) revert TooEarly(dueAt, block.timestamp);
    }
}
