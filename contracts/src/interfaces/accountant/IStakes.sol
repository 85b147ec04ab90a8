// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Providers' stakes, and the guarantees that answer them.
interface IStakes {
    struct StakeDecrease {
        address provider;
        uint256 amount;
        address transactor;
        uint256 fee;
        uint256 nonce;
        uint256 deadline;
    }

    /// @param dueAt from this block timestamp on it can be finalized; zero: there is none.
    struct PendingDecrease {
        uint96 amount;
        uint64 dueAt;
        address transactor;
        uint256 fee;
    }

    error FeeAboveAmount(uint256 amount, uint256 fee);
    error DecreaseAlreadyRequested(uint256 dueAt);
    error DecreaseNotRequested();

    event StakeDecreaseRequested(
        address indexed provider, uint256 amount, uint256 dueAt, address transactor, uint256 fee
    );
    event StakeDecreased(address indexed provider, uint256 amount, uint256 stake, address beneficiary, uint256 fee);

    /// @notice Adds to a provider's stake, from the sender by allowance.
    /// @dev Reverts unless free funds cover the matching guarantee in this very call, besides what others lack.
    function increaseStake(address provider, uint256 amount) external;

    /// @notice The same, with the allowance signed by the sender (EIP-2612).
    /// @dev A permit that somebody else has sent before counts as well.
    function increaseStakeWithPermit(address provider, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Announces that the provider takes stake back after the delay.
    function decreaseStake(StakeDecrease calldata decrease, bytes calldata signature) external;

    /// @notice Pays an announced decrease to the provider's beneficiary, by anybody, once the delay is over. The
    /// guarantee shrinks with it, and the transactor's fee comes out of it.
    function finalizeStakeDecrease(address provider) external;

    /// @notice Refills a provider's guarantee from free funds, then from the reserve. By anybody.
    function rebalance(address provider) external;

    function pendingDecrease(address identity) external view returns (PendingDecrease memory);
}
