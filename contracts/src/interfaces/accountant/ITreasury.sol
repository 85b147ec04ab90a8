// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What the owner of an accountant decides, each with its notice, and how the operator is punished.
interface ITreasury {
    /// @param dueAt from this block timestamp on it can be executed, for as long as it had to wait; zero: there is none.
    struct Withdrawal {
        address to;
        uint64 dueAt;
        uint256 amount;
    }

    error NotOwner(address sender);
    error WithdrawalNotAnnounced();
    error WithdrawalExpired(uint256 dueAt, uint256 timestamp);
    error FeeRateTooHigh(uint256 maximum, uint256 rate);

    event OperatorStakeIncreased(uint256 amount, uint256 stake);
    event WithdrawalAnnounced(uint256 amount, address to, uint256 dueAt);
    event WithdrawalCancelled();
    event Withdrawn(uint256 amount, address to);
    event FeeRateAnnounced(uint256 rate, uint256 dueAt);
    /// @param until from this block timestamp on the owner may withdraw again, the operator's stake included.
    event Closed(uint256 until);

    /// @notice Adds to the operator's stake, from the sender by allowance.
    function increaseOperatorStake(uint256 amount) external;

    /// @notice Moves what a punishment makes due, and ends it if it is over. By anybody.
    /// @dev Settlements, rebalancing and collecting do the same; this is for money that came by a plain transfer.
    function updatePunishment() external;

    /// @notice Announces that the owner takes free funds out after the delay; replaces an earlier announcement.
    function announceWithdrawal(uint256 amount, address to) external;

    function cancelWithdrawal() external;

    /// @notice Pays an announced withdrawal: at most free funds less what guarantees lack, and nothing in punishment.
    /// @dev It must be taken within one more delay: a standing announcement would be none. After closing, nothing until
    /// the closing's delay is over; then the operator's stake and the reserve are free as well.
    function withdraw() external;

    /// @notice Ends the business, for good: no new stakes, no withdrawals until a long delay is over. Settlements,
    /// collecting and stake returns go on.
    function close() external;

    /// @notice Publishes a new rate; it is valid after the notice. The contract itself takes no fee.
    /// @param rate in 1/10,000, at most 5,000.
    function announceFeeRate(uint256 rate) external;

    function owner() external view returns (address);

    function pendingWithdrawal() external view returns (Withdrawal memory);

    /// @return the rate that is valid now, in 1/10,000.
    function feeRate() external view returns (uint256);

    /// @return rate that was announced last, and since when it is or will be valid.
    function nextFeeRate() external view returns (uint256 rate, uint256 dueAt);

    /// @return the block timestamp from which on the owner of a closed accountant may withdraw; zero: it is open.
    function closedUntil() external view returns (uint256);
}
