// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISigned} from "../interfaces/ISigned.sol";
import {CanonicalSignature} from "./CanonicalSignature.sol";
import {Domain} from "./Domain.sol";

/// @title Checks of signed messages: signer, nonce, deadline, and who may take the fee.
abstract contract Signed is ISigned {
    /// @dev 256 nonces a word: nonce >> 8 is the word, the low byte the bit.
    mapping(address signer => mapping(uint256 word => uint256 bits)) private _nonces;

    function cancelNonce(uint256 nonce) external {
        _useNonce(msg.sender, nonce);
        emit NonceCancelled(msg.sender, nonce);
    }

    function isNonceUsed(address signer, uint256 nonce) public view returns (bool) {
        return _nonces[signer][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    function domainSeparator() external view returns (bytes32) {
        return Domain.separator();
    }

    function _requireSigner(bytes32 structHash, address expected, bytes calldata signature) internal view {
        address signer = CanonicalSignature.recover(Domain.digest(structHash), signature);
        if (signer != expected) revert WrongSigner(expected, signer);
    }

    function _requireBefore(uint256 deadline) internal view {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
    }

    /// @dev A named transactor is the fee's payee and the only sender; so a copy of its transaction takes nothing.
    function _requireTransactor(address transactor, uint256 fee) internal view {
        if (transactor == address(0)) {
            if (fee != 0) revert FeeWithoutTransactor(fee);
        } else if (transactor != msg.sender) {
            revert NotTransactor(transactor, msg.sender);
        }
    }

    function _useNonce(address signer, uint256 nonce) internal {
        uint256 bits = _nonces[signer][nonce >> 8];
        uint256 bit = 1 << (nonce & 0xff);
        if (bits & bit != 0) revert NonceUsed(signer, nonce);
        _nonces[signer][nonce >> 8] = bits | bit;
    }
}
