// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IAccountant} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {vm} from "./Vm.sol";

/// @title Signs every message, from type strings written out once more: a typing error in the sources shows.
abstract contract Signing {
    bytes32 internal constant halfOrderPlusOne = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1;
    uint256 internal constant curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function domainOf(address verifier) internal view returns (bytes32) {
        return domainOf(verifier, block.chainid);
    }

    function domainOf(address verifier, uint256 chainId) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Mysterium Payments"),
                keccak256("1"),
                chainId,
                verifier
            )
        );
    }

    function digestOf(address verifier, bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", domainOf(verifier), structHash));
    }

    function signDigest(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @param signature `r` 32 bytes ‖ `s` 32 bytes ‖ `v` 1 byte.
    function split(bytes memory signature) internal pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function signStruct(uint256 key, address verifier, bytes32 structHash) internal view returns (bytes memory) {
        return signDigest(key, digestOf(verifier, structHash));
    }

    function lockOf(bytes32 preimage) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(preimage));
    }

    function hashAgreement(bytes32 id, address provider, uint256 total) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(keccak256("Agreement(bytes32 id,address provider,uint256 total)"), id, provider, total)
            );
    }

    function hashTicks(bytes32 root, uint256 value, uint256 max) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Ticks(bytes32 root,uint256 value,uint256 max)"), root, value, max));
    }

    function hashPayment(uint256 amount, bytes32 hashlock, bytes32 agreementHash, bytes32 ticksHash)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typeHash = keccak256(
            "PaymentPromise(uint256 amount,bytes32 hashlock,Agreement agreement,Ticks ticks)Agreement(bytes32 id,address provider,uint256 total)Ticks(bytes32 root,uint256 value,uint256 max)"
        );
        return keccak256(abi.encode(typeHash, amount, hashlock, agreementHash, ticksHash));
    }

    function signPayment(uint256 key, address channel, uint256 amount, bytes32 hashlock, bytes32 agreementHash)
        internal
        view
        returns (bytes memory)
    {
        return signStruct(key, channel, hashPayment(amount, hashlock, agreementHash, hashTicks(0, 0, 0)));
    }

    function signAccountantPromise(uint256 key, address accountant, address provider, uint256 amount, bytes32 hashlock)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("AccountantPromise(address provider,uint256 amount,bytes32 hashlock)");
        return signStruct(key, accountant, keccak256(abi.encode(typeHash, provider, amount, hashlock)));
    }

    function signRegistration(uint256 key, address registry, IRegistry.Registration memory r)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "Registration(address identity,address accountant,address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
        );
        bytes32 structHash = keccak256(
            abi.encode(typeHash, r.identity, r.accountant, r.beneficiary, r.transactor, r.fee, r.nonce, r.deadline)
        );
        return signStruct(key, registry, structHash);
    }

    function signBeneficiaryChange(uint256 key, address registry, IRegistry.BeneficiaryChange memory c)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash =
            keccak256("BeneficiaryChange(address identity,address beneficiary,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, c.identity, c.beneficiary, c.nonce, c.deadline));
        return signStruct(key, registry, structHash);
    }

    function signExit(uint256 key, address channel, IConsumerChannel.ExitRequest memory r)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "ExitRequest(address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
        );
        bytes32 structHash = keccak256(abi.encode(typeHash, r.beneficiary, r.transactor, r.fee, r.nonce, r.deadline));
        return signStruct(key, channel, structHash);
    }

    function signExitCancel(uint256 key, address channel, IConsumerChannel.ExitCancel memory c)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("ExitCancel(uint256 nonce,uint256 deadline)");
        return signStruct(key, channel, keccak256(abi.encode(typeHash, c.nonce, c.deadline)));
    }

    function signFastExit(uint256 key, address channel, IConsumerChannel.FastExit memory r)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "FastExit(uint256 amount,address beneficiary,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
        );
        bytes32 structHash =
            keccak256(abi.encode(typeHash, r.amount, r.beneficiary, r.transactor, r.fee, r.nonce, r.deadline));
        return signStruct(key, channel, structHash);
    }

    function signOrder(uint256 key, address accountant, ISettlements.SettleOrder memory o)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "SettleOrder(address provider,uint8 into,uint256 amount,address beneficiary,address transactor,uint256 fee,bool allowPartial,uint256 nonce,uint256 deadline)"
        );
        return signStruct(key, accountant, keccak256(bytes.concat(abi.encode(typeHash), abi.encode(o))));
    }

    function signDecrease(uint256 key, address accountant, IStakes.StakeDecrease memory d)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "StakeDecrease(address provider,uint256 amount,address transactor,uint256 fee,uint256 nonce,uint256 deadline)"
        );
        return signStruct(key, accountant, keccak256(bytes.concat(abi.encode(typeHash), abi.encode(d))));
    }

    function signUrlChange(uint256 key, address registry, IRegistry.UrlChange memory c)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("UrlChange(address accountant,string url,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, c.accountant, keccak256(bytes(c.url)), c.nonce, c.deadline));
        return signStruct(key, registry, structHash);
    }

    function signWish(uint256 key, address accountant, ISettlements.SettleWish memory w)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash =
            keccak256("SettleWish(address provider,bool anyone,bool payouts,uint256 nonce,uint256 deadline)");
        return signStruct(key, accountant, keccak256(bytes.concat(abi.encode(typeHash), abi.encode(w))));
    }
}
