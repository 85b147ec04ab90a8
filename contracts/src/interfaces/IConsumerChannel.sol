// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChannelBooks} from "./IChannelBooks.sol";
import {ISigned} from "./ISigned.sol";

/// @title Consumer channel: one identity's money for one accountant.
/// @notice Money leaves in four ways only: `settle`, `finalizeExit`, `fastExit`, and once the registration's fees.
/// No other signed message takes anything from it.
interface IConsumerChannel is IChannelBooks, ISigned {
    /// @param root of the hash chain.
    /// @param value of one tick; base units.
    /// @param max how many there are, at most 1,024.
    struct Ticks {
        bytes32 root;
        uint256 value;
        uint256 max;
    }

    /// @param beneficiary who is paid; zero: the identity's registered beneficiary at the time of the request.
    /// @param transactor may send the request and is paid `fee` out of the exit's payment.
    struct ExitRequest {
        address beneficiary;
        address transactor;
        uint256 fee;
        uint256 nonce;
        uint256 deadline;
    }

    struct ExitCancel {
        uint256 nonce;
        uint256 deadline;
    }

    /// @param amount all that leaves the channel, the fee included.
    /// @param beneficiary zero: the identity's registered beneficiary.
    struct FastExit {
        uint256 amount;
        address beneficiary;
        address transactor;
        uint256 fee;
        uint256 nonce;
        uint256 deadline;
    }

    /// @dev The implementation behind the clones is nobody's channel.
    error NotAClone();
    error NotRegistry(address sender);
    error NotIdentity(address identity, address sender);
    error BalanceTooLow(uint256 balance, uint256 needed);
    error TooManyTicks(uint256 maximum, uint256 max);
    error TicksAboveMax(uint256 max, uint256 k);
    /// @dev Hashed `k` times, `w` is not the chain's root.
    error TickNotOfChain(bytes32 root, bytes32 hashed);
    error FeeAboveAmount(uint256 amount, uint256 fee);
    error RecoveryOfOwnToken();
    error RecoveryMovedOwnToken(uint256 before, uint256 afterwards);
    error NativeTransferFailed(address to);

    /// @param amount of the promise.
    /// @param paid by this call.
    /// @param settled in all, this call included.
    /// @param preimage with it the accountant and everybody else knows that the provider showed it.
    event Settled(uint256 amount, uint256 paid, uint256 settled, bytes32 preimage);
    event Held(uint256 amount, bytes32 hashlock);
    event RegistrationPaid(uint256 registrationFee, address transactor, uint256 transactorFee);
    event ExitRequested(uint256 dueAt, address beneficiary, address transactor, uint256 fee);
    event ExitCancelled();
    /// @param paid to the beneficiary; `fee` went to the transactor besides.
    event ExitFinalized(uint256 paid, address beneficiary, address transactor, uint256 fee);
    event FastExited(uint256 paid, address beneficiary, address transactor, uint256 fee, uint256 nonce);
    event Recovered(address indexed token, address to, uint256 amount);

    /// @notice Pays the accountant what the promise adds over `settled`.
    /// @dev Anyone may send it; it pays the accountant only, and there is no fee in it (a fee here would let the signer
    /// empty the channel). Pays what the channel holds when the promise asks for more; the same promise settles the
    /// rest after a top-up. Reverts where nothing would move.
    /// @param amount all the channel has promised so far.
    /// @param preimage of the promise's hashlock.
    /// @param agreementHash struct hash of the promise's `Agreement`; the contract need not learn who was paid.
    /// @param signature of the identity, over the promise with all-zero `Ticks`.
    function settle(uint256 amount, bytes32 preimage, bytes32 agreementHash, bytes calldata signature) external;

    /// @notice Counts a promise as a liability although its preimage is not known.
    /// @dev Anyone may send it. The consumer loses nothing: it signed that amount. Without it, consumer and provider
    /// together could withhold the preimage, exit, and settle afterwards with the accountant.
    function hold(uint256 amount, bytes32 hashlock, bytes32 agreementHash, bytes calldata signature) external;

    /// @notice As `settle`, for a promise with ticks: pays up to `amount + k · value`.
    /// @dev Between two signatures the consumer pays with the hashes of a chain, `w[i − 1] = keccak256(w[i])`, whose
    /// root it signed: who shows `w[k]` was paid `k` ticks.
    /// @param ticks of the promise, as they were signed.
    /// @param k ticks paid, at most `ticks.max`.
    /// @param w element `k` of the chain; for `k = 0` the root itself.
    function settleTicks(
        uint256 amount,
        bytes32 preimage,
        bytes32 agreementHash,
        Ticks calldata ticks,
        uint256 k,
        bytes32 w,
        bytes calldata signature
    ) external;

    /// @notice As `hold`, for a promise with ticks: all of them count, `amount + max · value`.
    /// @dev Ticks that were not spent then leave by `fastExit` only.
    function holdTicks(
        uint256 amount,
        bytes32 hashlock,
        bytes32 agreementHash,
        Ticks calldata ticks,
        bytes calldata signature
    ) external;

    /// @notice Announces that the consumer takes its money out after the delay.
    function requestExit(ExitRequest calldata request, bytes calldata signature) external;

    /// @notice Takes the announcement back. Anybody sends it.
    function cancelExit(ExitCancel calldata cancel, bytes calldata signature) external;

    /// @notice Pays the exit: `max(0, balance − max(0, held − settled))`, by anybody, once the delay is over.
    /// @dev The transactor's fee comes out of that payment and is cut to it. What is held stays for the accountant.
    function finalizeExit() external;

    /// @notice Pays `amount` at once: the accountant agrees, and may let out what is held.
    /// @param identitySignature and
    /// @param operatorSignature are over the same struct; the accountant's operator is asked from its contract.
    function fastExit(FastExit calldata request, bytes calldata identitySignature, bytes calldata operatorSignature)
        external;

    /// @notice Takes the registration's fees. Only the registry calls it, once in an identity's life.
    function payRegistration(address recipient, uint256 fee, address transactor, uint256 transactorFee) external;

    /// @notice Sends another token that went astray to this address; the identity calls it.
    /// @dev Leaves the channel's own balance as it was, also where a token has two addresses.
    function recoverToken(address other, address to) external;

    /// @notice Sends the chain's coin that went astray to this address; the identity calls it.
    function recoverNative(address to) external;

    function identity() external view returns (address);

    function accountant() external view returns (address);

    function token() external view returns (address);

    function registry() external view returns (address);

    function exitDelay() external view returns (uint256);
}
