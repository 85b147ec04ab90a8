// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISigned} from "../interfaces/ISigned.sol";

/// @title Recovers the signer of a digest from a canonical signature, and from no other.
library CanonicalSignature {
    /// @dev n/2 of secp256k1, rounded down. Source: EIP-2.
    uint256 private constant halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @param signature `r` 32 bytes ‖ `s` 32 bytes ‖ `v` 1 byte.
    /// @return signer never the zero address.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        if (signature.length != 65) revert ISigned.SignatureLength(signature.length);
        bytes32 r;
        bytes32 s;
        uint8 v;
        // The length is known: slices would check their bounds three times more.
        assembly ("memory-safe") {
            r := calldataload(signature.offset)
            s := calldataload(add(signature.offset, 32))
            v := byte(0, calldataload(add(signature.offset, 64)))
        }
        return recover(digest, r, s, v);
    }

    function recover(bytes32 digest, bytes32 r, bytes32 s, uint8 v) internal pure returns (address signer) {
        if (uint256(s) > halfOrder) revert ISigned.SignatureHighS(s);
        if (v != 27 && v != 28) revert ISigned.SignatureBadV(v);
        signer = ecrecover(digest, v, r, s);
        if (signer == address(0)) revert ISigned.SignatureInvalid();
    }
}
