// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What an accountant keeps: sums, providers' accounts, and the punishment.
/// @dev Of the contract's balance are set apart: the operator's stake, the reserve, every provider's stake, and every
/// provider's guarantee. The rest is free funds. What a guarantee lacks of its target, the stake, is *missing*.
interface IBooks {
    /// @param stake the provider's own deposit, and the target of its guarantee.
    /// @param guarantee locked for this provider now.
    /// @param settled paid out so far; promises are cumulative.
    /// @param shortSince when a settlement first paid less than it should; zero: none did, or all was paid since.
    /// @param drawn what reserve and operator's stake paid in place of the guarantee and what was staked, in the last thirty days: so much
    /// less may they pay.
    /// @param anyoneMaySettle whether the provider wished that anybody may send `settle` for it.
    /// @param scheduledPayouts whether it wished that the operator pays it unasked.
    struct Provider {
        uint256 stake;
        uint256 guarantee;
        uint256 settled;
        uint256 shortSince;
        uint256 drawn;
        bool anyoneMaySettle;
        bool scheduledPayouts;
    }

    error AlreadyInitialized();
    error OperatorZero();
    /// @dev The books hold settled sums of 112 bits, stakes of 96 and totals of 128.
    error AmountTooLarge(uint256 amount);
    error PromiseNotIncreasing(uint256 settled, uint256 amount);
    error NothingToPay();
    error Underpaid(uint256 owed, uint256 available);
    error FeeNotCovered(uint256 paid, uint256 fee);
    /// @dev Stake is taken only with its guarantee: else it would be a weapon that starts a punishment.
    error GuaranteeUncovered(uint256 freeFunds, uint256 needed);
    error InPunishment(uint256 since);
    error AccountantClosed();
    error NothingToRebalance();
    error NothingToWithdraw();
    error StakeTooLow(uint256 stake, uint256 amount);
    /// @dev What is owed can be paid, or its lack is known already.
    error NotShort(uint256 owed, uint256 available);

    event SettlementShort(address indexed provider, uint256 owed, uint256 paid);
    event ShortageEnded(address indexed provider);
    event GuaranteeChanged(address indexed provider, uint256 guarantee);
    event StakeIncreased(address indexed provider, uint256 amount, uint256 stake);
    /// @dev A settlement was paid out of what backs the guarantees.
    event BackingDrawn(address indexed provider, uint256 fromReserve, uint256 fromOperatorStake);
    event PunishmentStarted(uint256 missing, uint256 freeFunds);
    /// @param amount that moved from the operator's stake into the reserve.
    event OperatorPunished(uint256 amount, uint256 hoursMoved);
    event PunishmentEnded();
    /// @dev After closing: what backed the guarantees became free.
    event BackingReleased(uint256 operatorStake, uint256 reserve);

    function providerOf(address identity) external view returns (Provider memory);

    function operator() external view returns (address);

    function operatorStake() external view returns (uint256);

    /// @return what punishments took from the operator's stake; it can only refill guarantees.
    function reserve() external view returns (uint256);

    function totalStake() external view returns (uint256);

    function totalGuarantee() external view returns (uint256);

    /// @return since when withdrawals and new stakes are refused; zero: they are not.
    function punishedSince() external view returns (uint256);

    /// @return how many providers were paid less than they should and not in full since.
    function shortProviders() external view returns (uint256);

    /// @return how often the operator was replaced.
    function rotations() external view returns (uint256);

    function isClosed() external view returns (bool);
}
