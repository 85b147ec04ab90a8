// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What a channel keeps: what was paid, what is held, and an announced exit.
interface IChannelBooks {
    /// @param dueAt from this block timestamp on the exit can be finalized; zero: there is none.
    struct Exit {
        uint64 dueAt;
        address beneficiary;
        address transactor;
        uint256 fee;
    }

    error PromiseNotIncreasing(uint256 settled, uint256 amount);
    error HoldNotIncreasing(uint256 held, uint256 amount);
    error ChannelEmpty();
    error ExitAlreadyRequested(uint256 dueAt);
    error ExitNotRequested();
    error ExitTooEarly(uint256 dueAt, uint256 timestamp);
    /// @dev All that is in the channel is held for promises.
    error NothingToPay(uint256 balance, uint256 held);

    /// @notice Paid to the accountant so far.
    function settled() external view returns (uint256);

    /// @notice The highest amount laid here without its preimage.
    function held() external view returns (uint256);

    function exit() external view returns (Exit memory);
}
