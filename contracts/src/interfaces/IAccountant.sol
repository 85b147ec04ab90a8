// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "./accountant/IBooks.sol";
import {ICollection} from "./accountant/ICollection.sol";
import {IRotation} from "./accountant/IRotation.sol";
import {ISettlements} from "./accountant/ISettlements.sol";
import {IStakes} from "./accountant/IStakes.sol";
import {ITreasury} from "./accountant/ITreasury.sol";
import {ISigned} from "./ISigned.sol";

/// @title What all rooms of an accountant have in common.
interface IFunds is IBooks, ISigned {
    error NotAClone();
    error AmountZero();
    error BeneficiaryZero();
    error TooEarly(uint256 dueAt, uint256 timestamp);
    error TokenUnsupported(uint256 expected, uint256 received);

    /// @return balance − operator's stake − reserve − Σ stake − Σ guarantee.
    function freeFunds() external view returns (uint256);

    function token() external view returns (address);

    function registry() external view returns (address);

    function exitDelay() external view returns (uint256);
}

/// @title Accountant: pays providers what its operator promised them, and collects from consumers' channels.
/// @notice Two keys. `owner` (cold) withdraws, sets the rate, replaces the operator, closes; `operator` (hot) signs
/// promises and fast exits, and pays out.
interface IAccountant is ISettlements, ICollection, IStakes, ITreasury, IRotation, IFunds {
    error NotRegistry(address sender);

    event Initialized(address firstOwner, address firstOperator, uint256 stake, uint256 rate);

    /// @notice Sets the keys and the operator's stake, once; the registry calls it in the call that deploys.
    function initialize(address firstOwner, address firstOperator, uint256 stake, uint256 rate) external;
}
