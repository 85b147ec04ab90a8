// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISigned} from "./ISigned.sol";

/// @title Accountant: pays providers what its operator promised them, and collects from consumers' channels.
/// @notice Two keys. `owner` (cold) withdraws and sets the rate; `operator` (hot) signs promises and fast exits.
/// @dev Of the contract's balance are set apart: the operator's stake, the reserve, every provider's stake, and every
/// provider's guarantee. The rest is free funds. A settlement is paid from that provider's guarantee, then from free
/// funds, never from what is another's. The guarantee is refilled from free funds up to the provider's stake.
interface IAccountant is ISigned {
    /// @param stake the provider's own deposit, and the target of its guarantee.
    /// @param guarantee locked for this provider now.
    /// @param settled paid out so far; promises are cumulative.
    /// @param shortSince when a settlement first paid less than it should; zero: none did, or all was paid since.
    /// @param anyoneMaySettle whether the provider wished that anybody may send `settle` for it.
    struct Provider {
        uint128 stake;
        uint128 guarantee;
        uint128 settled;
        uint64 shortSince;
        bool anyoneMaySettle;
    }

    /// @param into 0: wallet; 1: the provider's stake.
    /// @param amount of the promise that this order settles: all promised so far.
    /// @param beneficiary who is paid this time; zero: the registered one. Unused where it goes into stake.
    /// @param transactor may send it and is paid `fee` out of the settlement; zero: anybody may, and there is no fee.
    /// @param allowPartial whether a settlement that pays less than it should is better than none.
    struct SettleOrder {
        address provider;
        uint8 into;
        uint256 amount;
        address beneficiary;
        address transactor;
        uint256 fee;
        bool allowPartial;
        uint256 nonce;
        uint256 deadline;
    }

    struct StakeDecrease {
        address provider;
        uint256 amount;
        address transactor;
        uint256 fee;
        uint256 nonce;
        uint256 deadline;
    }

    /// @param anyone true: anybody may send `settle`; false: only provider and operator again.
    struct SettleWish {
        address provider;
        bool anyone;
        uint256 nonce;
        uint256 deadline;
    }

    /// @dev An accountant's promise with its preimage: one item of `settleMany`.
    struct Settlement {
        address provider;
        uint256 amount;
        bytes32 preimage;
        bytes signature;
    }

    /// @dev A consumer's promise with its preimage: one item of `collect`.
    struct Claim {
        address channel;
        uint256 amount;
        bytes32 preimage;
        bytes32 agreementHash;
        bytes signature;
    }

    /// @param dueAt from this block timestamp on it can be finalized; zero: there is none.
    struct PendingDecrease {
        uint128 amount;
        uint64 dueAt;
        address transactor;
        uint256 fee;
    }

    /// @param dueAt from this block timestamp on it can be executed, for as long as it had to wait; zero: there is none.
    struct Withdrawal {
        address to;
        uint64 dueAt;
        uint256 amount;
    }

    error NotAClone();
    error NotRegistry(address sender);
    error NotSelf(address sender);
    error AlreadyInitialized();
    error NotOwner(address sender);
    error MayNotSettle(address provider, address sender);
    error PromiseNotIncreasing(uint256 settled, uint256 amount);
    error NothingToPay();
    error Underpaid(uint256 owed, uint256 available);
    error FeeNotCovered(uint256 paid, uint256 fee);
    error UnknownInto(uint8 into);
    error AmountZero();
    /// @dev Stake is taken only with its guarantee: else it would be a weapon that starts a punishment.
    error GuaranteeUncovered(uint256 freeFunds, uint256 missing);
    error InPunishment(uint256 since);
    error NothingToRebalance();
    error StakeTooLow(uint256 stake, uint256 amount);
    error FeeAboveAmount(uint256 amount, uint256 fee);
    error DecreaseAlreadyRequested(uint256 dueAt);
    error DecreaseNotRequested();
    error WithdrawalNotAnnounced();
    error BeneficiaryZero();
    error TooEarly(uint256 dueAt, uint256 timestamp);
    error WithdrawalExpired(uint256 dueAt, uint256 timestamp);
    error NothingToWithdraw();
    error FeeRateTooHigh(uint256 maximum, uint256 rate);
    error TokenUnsupported(uint256 expected, uint256 received);

    event Initialized(address firstOwner, address firstOperator, uint256 stake, uint256 rate);
    /// @param amount of the promise, cumulative.
    /// @param paid in all by this call, the fee included.
    /// @param beneficiary who got `paid − fee`; the accountant's own address where it went into stake.
    event ProviderSettled(
        address indexed provider, uint256 amount, uint256 paid, uint256 fee, address beneficiary, bytes32 preimage
    );
    event SettlementShort(address indexed provider, uint256 owed, uint256 paid);
    /// @param reason selector of the error; zero where there was none.
    event SettlementSkipped(address indexed provider, uint256 amount, bytes4 reason);
    event ClaimSkipped(address indexed channel, uint256 amount, bytes4 reason);
    event SettleWishChanged(address indexed provider, bool anyone);
    event StakeIncreased(address indexed provider, uint256 amount, uint256 stake);
    event StakeDecreaseRequested(
        address indexed provider, uint256 amount, uint256 dueAt, address transactor, uint256 fee
    );
    event StakeDecreased(address indexed provider, uint256 amount, uint256 stake, address beneficiary, uint256 fee);
    event GuaranteeChanged(address indexed provider, uint256 guarantee);
    event OperatorStakeIncreased(uint256 amount, uint256 stake);
    event PunishmentStarted(uint256 missing, uint256 freeFunds);
    event PunishmentEnded();
    event WithdrawalAnnounced(uint256 amount, address to, uint256 dueAt);
    event WithdrawalCancelled();
    event Withdrawn(uint256 amount, address to);
    event FeeRateAnnounced(uint256 rate, uint256 dueAt);

    /// @notice Sets the keys and the operator's stake, once; the registry calls it in the call that deploys.
    function initialize(address firstOwner, address firstOperator, uint256 stake, uint256 rate) external;

    /// @notice Pays what the promise adds over the provider's `settled`, to its registered beneficiary.
    /// @dev Only the provider's identity, the operator, or anybody if the provider so wished: a copy of another's
    /// settlement without its order would pay the old beneficiary. Where money is short it pays what there is.
    /// @param amount all the accountant has promised to this provider.
    /// @param signature of the operator, over the `AccountantPromise` with the preimage's hash.
    function settle(address provider, uint256 amount, bytes32 preimage, bytes calldata signature) external;

    /// @notice Settles as the provider's order says: one order, one nonce, one fee, taken only if more than it is paid.
    /// @param promiseSignature of the operator, over the `AccountantPromise` of `order.amount`.
    /// @param orderSignature of the provider.
    function settleWithOrder(
        SettleOrder calldata order,
        bytes32 preimage,
        bytes calldata promiseSignature,
        bytes calldata orderSignature
    ) external;

    /// @notice `settle` for several providers; an item that fails is skipped with an event.
    function settleMany(Settlement[] calldata items) external;

    /// @dev One item of `settleMany`, in its own call. Only the contract itself calls it.
    function settleItem(address sender, Settlement calldata item) external;

    /// @notice Settles promises on consumers' channels; an item that fails is skipped with an event. By anybody.
    function collect(Claim[] calldata claims) external;

    /// @notice Says whether anybody may send `settle` for the provider. Signed by the provider, sent by anybody.
    function changeSettleWish(SettleWish calldata wish, bytes calldata signature) external;

    /// @notice Adds to a provider's stake, from the sender by allowance.
    /// @dev Reverts unless free funds cover the matching guarantee in this very call, besides what others lack.
    function increaseStake(address provider, uint256 amount) external;

    /// @notice Announces that the provider takes stake back after the delay.
    function decreaseStake(StakeDecrease calldata decrease, bytes calldata signature) external;

    /// @notice Pays an announced decrease to the provider's beneficiary, by anybody, once the delay is over. The
    /// guarantee shrinks with it, and the transactor's fee comes out of it.
    function finalizeStakeDecrease(address provider) external;

    /// @notice Refills a provider's guarantee from free funds. By anybody.
    function rebalance(address provider) external;

    /// @notice Adds to the operator's stake, from the sender by allowance.
    function increaseOperatorStake(uint256 amount) external;

    /// @notice Announces that the owner takes free funds out after the delay; replaces an earlier announcement.
    function announceWithdrawal(uint256 amount, address to) external;

    function cancelWithdrawal() external;

    /// @notice Pays an announced withdrawal: at most free funds less what guarantees lack, and nothing in punishment.
    /// @dev It must be taken within one more delay: a standing announcement would be none.
    function withdraw() external;

    /// @notice Publishes a new rate; it is valid after the notice. The contract itself takes no fee.
    /// @param rate in 1/10,000, at most 5,000.
    function announceFeeRate(uint256 rate) external;

    function providerOf(address identity) external view returns (Provider memory);

    function pendingDecrease(address identity) external view returns (PendingDecrease memory);

    function pendingWithdrawal() external view returns (Withdrawal memory);

    /// @return the rate that is valid now, in 1/10,000.
    function feeRate() external view returns (uint256);

    /// @return rate that was announced last, and since when it is or will be valid.
    function nextFeeRate() external view returns (uint256 rate, uint256 dueAt);

    /// @return balance − operator's stake − reserve − Σ stake − Σ guarantee.
    function freeFunds() external view returns (uint256);

    function owner() external view returns (address);

    function operator() external view returns (address);

    function operatorStake() external view returns (uint256);

    function reserve() external view returns (uint256);

    function totalStake() external view returns (uint256);

    function totalGuarantee() external view returns (uint256);

    /// @return since when withdrawals and new stakes are refused; zero: they are not.
    function punishedSince() external view returns (uint256);

    /// @return how many providers were paid less than they should and not in full since.
    function shortProviders() external view returns (uint256);

    function token() external view returns (address);

    function registry() external view returns (address);

    function exitDelay() external view returns (uint256);
}
