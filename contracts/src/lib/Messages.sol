// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IConsumerChannel} from "../interfaces/IConsumerChannel.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {ISettlements} from "../interfaces/accountant/ISettlements.sol";
import {IStakes} from "../interfaces/accountant/IStakes.sol";

/// @title Struct hashes of the signed messages; those of promises are in `PromiseHash`.
/// @dev A message of fixed size is hashed as it lies in the calldata, word by word, which is what EIP-712 asks for.
library Messages {
    bytes32 private constant settleOrder = keccak256(
        "SettleOrder(address provider,uint8 into,uint256 amount,address beneficiary,address transactor,uint256 fee,bool allowPartial,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant settleWish =
        keccak256("SettleWish(address provider,bool anyone,bool payouts,uint256 nonce,uint256 deadline)");
    bytes32 private constant stakeDecrease = keccak256(
        "StakeDecrease(address provider,uint256 amount,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant registration = keccak256(
        "Registration(address identity,address accountant,address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant beneficiaryChange =
        keccak256("BeneficiaryChange(address identity,address beneficiary,uint256 nonce,uint256 deadline)");
    bytes32 private constant urlChange =
        keccak256("UrlChange(address accountant,string url,uint256 nonce,uint256 deadline)");
    bytes32 private constant exitRequest =
        keccak256("ExitRequest(address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)");
    bytes32 private constant exitCancel = keccak256("ExitCancel(uint256 nonce,uint256 deadline)");
    bytes32 private constant fastExit = keccak256(
        "FastExit(uint256 amount,address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
    );

    function hash(ISettlements.SettleOrder calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(settleOrder, message));
    }

    function hash(ISettlements.SettleWish calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(settleWish, message));
    }

    function hash(IStakes.StakeDecrease calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(stakeDecrease, message));
    }

    function hash(IRegistry.Registration calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(registration, message));
    }

    function hash(IRegistry.BeneficiaryChange calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(beneficiaryChange, message));
    }

    /// @dev A string stands in its struct as its hash.
    function hash(IRegistry.UrlChange calldata message) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(urlChange, message.accountant, keccak256(bytes(message.url)), message.nonce, message.deadline)
        );
    }

    function hash(IConsumerChannel.ExitRequest calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(exitRequest, message));
    }

    function hash(IConsumerChannel.ExitCancel calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(exitCancel, message));
    }

    function hash(IConsumerChannel.FastExit calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(fastExit, message));
    }
}
