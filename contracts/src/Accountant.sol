// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Funds} from "./accountant/Funds.sol";
import {Rotation} from "./accountant/Rotation.sol";
import {Settlements} from "./accountant/Settlements.sol";
import {Stakes} from "./accountant/Stakes.sol";
import {Treasury} from "./accountant/Treasury.sol";
import {IAccountant} from "./interfaces/IAccountant.sol";
import {IConsumerChannel} from "./interfaces/IConsumerChannel.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Attempt} from "./lib/Attempt.sol";

/// @dev Its rooms are in `accountant/`: the books, the funds, replaced keys, settlements, stakes, and the treasury. Here
/// it begins, and collects.
contract Accountant is IAccountant, Settlements, Stakes, Treasury {
    /// @dev The registry deploys the implementation.
    constructor(IERC20 token_, IRegistry.Terms memory terms)
        Funds(token_, terms.exitDelay)
        Rotation(terms.rotationNotice)
        Treasury(terms.rateNotice, terms.closingDelay)
    {}

    function initialize(address firstOwner, address firstOperator, uint256 stake, uint256 rate) external onlyClone {
        if (msg.sender != address(_registry)) revert NotRegistry(msg.sender);
        _bookInitialization(firstOperator, stake);
        _setOwner(firstOwner, rate);
        emit Initialized(firstOwner, firstOperator, stake, rate);
    }

    function collect(Claim[] calldata claims) external onlyClone nonReentrant {
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            bytes memory data = abi.encodeCall(
                IConsumerChannel.settle, (claim.amount, claim.preimage, claim.agreementHash, claim.signature)
            );
            (bool done, bytes32 answer) = Attempt.call(i, claim.channel, data);
            if (done && claim.channel.code.length != 0) continue;
            emit ClaimSkipped(claim.channel, claim.amount, done ? bytes4(0) : bytes4(answer));
        }
        if (_state.punishedSince == 0) return;
        _punish();
        _endPunishmentIfOver(freeFunds());
    }

    function _requireOwner() internal view override onlyOwner {}
}
