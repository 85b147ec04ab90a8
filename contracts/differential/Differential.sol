// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../src/interfaces/accountant/IStakes.sol";
import {CanonicalSignature} from "../src/lib/CanonicalSignature.sol";
import {Domain} from "../src/lib/Domain.sol";
import {Messages} from "../src/lib/Messages.sol";
import {PromiseHash} from "../src/lib/PromiseHash.sol";

/// @title The contracts' side of the differential test: many cases in one call, judged by the libraries that the
/// deployed contracts judge with.
/// @dev Never deployed. The test puts its code at any address it likes, so that `Domain` sees that domain.
contract Differential {
    using Messages for ISettlements.SettleOrder;
    using Messages for ISettlements.SettleWish;
    using Messages for IStakes.StakeDecrease;
    using Messages for IRegistry.Registration;
    using Messages for IRegistry.BeneficiaryChange;
    using Messages for IRegistry.UrlChange;
    using Messages for IConsumerChannel.ExitRequest;
    using Messages for IConsumerChannel.ExitCancel;
    using Messages for IConsumerChannel.FastExit;

    /// @dev In the order of `differentialStructs` in `tools/contracts/differential-cases.ts`.
    enum Kind {
        PaymentPromise,
        AccountantPromise,
        SettleOrder,
        SettleWish,
        StakeDecrease,
        Registration,
        BeneficiaryChange,
        UrlChange,
        ExitRequest,
        ExitCancel,
        FastExit
    }

    struct Payment {
        uint256 amount;
        bytes32 hashlock;
        bytes32 id;
        address provider;
        uint256 total;
        bytes32 root;
        uint256 value;
        uint256 max;
    }

    struct Owed {
        address provider;
        uint256 amount;
        bytes32 preimage;
    }

    /// @param cases each: size of the message 32 ‖ message, as the ABI lays the struct out ‖ size of the signature 32 ‖
    /// signature, filled up with zeros to whole words.
    /// @return verdicts each: digest 32 ‖ signer, or the selector of the error in the first four bytes, 32.
    function judge(Kind kind, bytes calldata cases) external view returns (bytes memory verdicts) {
        // An upper bound: the smallest case has four words and gets a verdict of two.
        verdicts = new bytes(cases.length);
        uint256 written;
        while (cases.length != 0) {
            bytes calldata message;
            bytes calldata signature;
            (message, cases) = _take(cases);
            (signature, cases) = _take(cases);
            bytes32 digest = Domain.digest(_hash(kind, message));
            bytes32 verdict = _verdict(digest, signature);
            assembly ("memory-safe") {
                mstore(add(add(verdicts, 0x20), written), digest)
                mstore(add(add(verdicts, 0x40), written), verdict)
            }
            written += 64;
        }
        assembly ("memory-safe") {
            mstore(verdicts, written)
        }
    }

    function recover(bytes32 digest, bytes calldata signature) external pure returns (address) {
        return CanonicalSignature.recover(digest, signature);
    }

    function _verdict(bytes32 digest, bytes calldata signature) private view returns (bytes32) {
        try this.recover(digest, signature) returns (address signer) {
            return bytes32(uint256(uint160(signer)));
        } catch (bytes memory reason) {
            return bytes4(reason);
        }
    }

    /// @dev A struct in calldata is where its first word is.
    function _hash(Kind kind, bytes calldata message) private pure returns (bytes32) {
        if (kind == Kind.PaymentPromise) {
            Payment calldata payment;
            assembly {
                payment := message.offset
            }
            return _hashPayment(payment);
        }
        if (kind == Kind.AccountantPromise) {
            Owed calldata owed;
            assembly {
                owed := message.offset
            }
            return PromiseHash.accountant(owed.provider, owed.amount, PromiseHash.lock(owed.preimage));
        }
        if (kind == Kind.SettleOrder) {
            ISettlements.SettleOrder calldata order;
            assembly {
                order := message.offset
            }
            return order.hash();
        }
        if (kind == Kind.SettleWish) {
            ISettlements.SettleWish calldata wish;
            assembly {
                wish := message.offset
            }
            return wish.hash();
        }
        if (kind == Kind.StakeDecrease) {
            IStakes.StakeDecrease calldata decrease;
            assembly {
                decrease := message.offset
            }
            return decrease.hash();
        }
        if (kind == Kind.Registration) {
            IRegistry.Registration calldata registration;
            assembly {
                registration := message.offset
            }
            return registration.hash();
        }
        if (kind == Kind.BeneficiaryChange) {
            IRegistry.BeneficiaryChange calldata change;
            assembly {
                change := message.offset
            }
            return change.hash();
        }
        if (kind == Kind.UrlChange) {
            IRegistry.UrlChange calldata change;
            assembly {
                change := message.offset
            }
            return change.hash();
        }
        if (kind == Kind.ExitRequest) {
            IConsumerChannel.ExitRequest calldata request;
            assembly {
                request := message.offset
            }
            return request.hash();
        }
        if (kind == Kind.ExitCancel) {
            IConsumerChannel.ExitCancel calldata cancel;
            assembly {
                cancel := message.offset
            }
            return cancel.hash();
        }
        IConsumerChannel.FastExit calldata request;
        assembly {
            request := message.offset
        }
        return request.hash();
    }

    /// @dev As the channel does: without ticks by the constant, with ticks by their hash.
    function _hashPayment(Payment calldata payment) private pure returns (bytes32) {
        bytes32 agreementHash =
            keccak256(abi.encode(PromiseHash.agreementTypeHash, payment.id, payment.provider, payment.total));
        bool ticking = payment.root != 0 || payment.value != 0 || payment.max != 0;
        bytes32 ticksHash = ticking ? PromiseHash.ticks(payment.root, payment.value, payment.max) : PromiseHash.noTicks;
        return PromiseHash.payment(payment.amount, payment.hashlock, agreementHash, ticksHash);
    }

    function _take(bytes calldata bytes_) private pure returns (bytes calldata taken, bytes calldata rest) {
        uint256 size = uint256(bytes32(bytes_[:32]));
        uint256 padded = (size + 31) / 32 * 32;
        return (bytes_[32:32 + size], bytes_[32 + padded:]);
    }
}
