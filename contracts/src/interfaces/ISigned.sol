// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What every contract that takes signed messages has in common.
/// @notice Messages are EIP-712, domain {name "Mysterium Payments", version "1", chainId, verifyingContract}.
/// @dev Only canonical signatures exist: 65 bytes `r ‖ s ‖ v`, `s ≤ n/2`, `v ∈ {27, 28}`. The same message can so
/// never appear under a second signature, and what one verifier takes every other takes too.
interface ISigned {
    error SignatureLength(uint256 length);
    error SignatureHighS(bytes32 s);
    error SignatureBadV(uint8 v);
    /// @dev `r` or `s` is zero or out of range, or no key fits.
    error SignatureInvalid();
    error WrongSigner(address expected, address signer);
    error NonceUsed(address signer, uint256 nonce);
    error DeadlinePassed(uint256 deadline, uint256 timestamp);
    /// @dev A fee names its payee; without a transactor there is none.
    error FeeWithoutTransactor(uint256 fee);
    error NotTransactor(address transactor, address sender);
    error HashlockZero();

    event NonceCancelled(address indexed signer, uint256 nonce);

    /// @notice Voids the caller's own nonce, used or not yet seen.
    /// @dev Nonces are unordered, one bitmap per signer and contract: nobody else's call and no stuck message can void
    /// or block a pending one.
    function cancelNonce(uint256 nonce) external;

    function isNonceUsed(address signer, uint256 nonce) external view returns (bool);

    function domainSeparator() external view returns (bytes32);
}
