// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title How an accountant pays what its operator promised.
/// @dev A settlement is paid from free funds and that provider's guarantee, never from what is another's. The guarantee
/// is refilled from free funds up to the provider's stake.
interface ISettlements {
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

    /// @param anyone true: anybody may send `settle`; false: only provider and operator again.
    /// @param payouts true: the operator may pay the provider unasked; false: no more.
    struct SettleWish {
        address provider;
        bool anyone;
        bool payouts;
        uint256 nonce;
        uint256 deadline;
    }

    /// @dev An accountant's promise with its preimage: one item of `settleMany`. Its signature lies in three fields:
    /// an item of fixed size costs less to send and to pass on.
    struct Settlement {
        address provider;
        uint256 amount;
        bytes32 preimage;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    error NotSelf(address sender);
    error NotOperator(address sender);
    error MayNotSettle(address provider, address sender);
    error UnknownInto(uint8 into);
    /// @dev An order's payment would leave its owner, and not the contract.
    error RecipientIsAccountant();
    error NoPayoutsWished(address provider);
    error ListsDiffer(uint256 providers, uint256 amounts);
    /// @dev Promises of a replaced key are paid from the guarantee, which cannot become stake.
    error ReplacedKeyIntoStake(uint256 rotation);

    /// @param amount of the promise, cumulative.
    /// @param paid in all by this call, an order's fee included; to the registered beneficiary, if there was no order.
    /// @param preimage with it the accountant can collect from the consumers' channels.
    event ProviderSettled(address indexed provider, uint256 amount, uint256 paid, bytes32 preimage);
    /// @dev Follows the `ProviderSettled` of an order.
    /// @param beneficiary who got what was paid less the fee; the accountant itself where it went into stake.
    /// @param fee that the transactor got.
    event OrderSettled(address indexed provider, address beneficiary, uint256 fee);
    event ProviderPaidOut(address indexed provider, uint256 upTo, uint256 paid, address beneficiary);
    /// @param reason selector of the error; zero where there was none.
    event SettlementSkipped(address indexed provider, uint256 amount, bytes4 reason);
    event PayoutSkipped(address indexed provider, uint256 upTo, bytes4 reason);
    event ShortageReported(address indexed provider, uint256 amount, bytes32 preimage);
    event SettleWishChanged(address indexed provider, bool anyone, bool payouts);

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

    /// @dev One item of `settleMany`, in its own call. Only the contract itself calls it; so it may believe what it is
    /// told. Its selector happens to be an early one: each that is compared before it costs an item 22 gas.
    /// @param balance what the contract holds before this item: read once for the batch.
    /// @param sender of the batch.
    /// @return paid what this item took of it.
    function settleOne(uint256 balance, address sender, Settlement calldata item) external returns (uint256 paid);

    /// @notice Pays providers who wished it up to these totals, to their beneficiaries. Sent by the operator.
    /// @dev From free funds only, less what guarantees lack, and never in punishment. It raises `settled`, so a
    /// settlement of the same promise that is on its way pays nothing twice. An item that fails is skipped.
    /// @param upTo all that the provider has been paid afterwards.
    function payout(address[] calldata providers, uint256[] calldata upTo) external;

    /// @dev One item of `payout`, in its own call, as `settleOne` is. Only the contract itself calls it.
    function payoutOne(address provider, uint256 upTo, uint256 balance) external returns (uint256 paid);

    /// @notice Records that the accountant could not pay a promise, where a settlement would move nothing. By anybody.
    /// @dev From then on the provider is short: the punishment starts, and three days later a settlement may draw on
    /// reserve and operator's stake.
    function reportShortage(address provider, uint256 amount, bytes32 preimage, bytes calldata signature) external;

    /// @notice Says who may settle for the provider. Signed by the provider, sent by anybody.
    function changeSettleWish(SettleWish calldata wish, bytes calldata signature) external;
}
