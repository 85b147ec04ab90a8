// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISigned} from "../src/interfaces/ISigned.sol";
import {CanonicalSignature} from "../src/lib/CanonicalSignature.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

contract Recoverer {
    function recover(bytes32 digest, bytes calldata signature) external pure returns (address) {
        return CanonicalSignature.recover(digest, signature);
    }
}

/// @notice W6, W7, C5, C6, C7: what is a signature here, and of what.
contract SignaturesTest is World {
    Recoverer private immutable recoverer = new Recoverer();
    bytes32 private constant digest = keccak256("a digest");

    function test_refuses_every_length_but_65(uint8 length) public {
        vm.assume(length != 65);
        vm.expectRevert(err(ISigned.SignatureLength.selector, length));
        recoverer.recover(digest, new bytes(length));
    }

    function test_refuses_the_short_form_of_64_bytes() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        vm.expectRevert(err(ISigned.SignatureLength.selector, 64));
        recoverer.recover(digest, abi.encodePacked(r, vs));
    }

    function test_refuses_the_high_twin_of_a_good_signature(uint256 key, bytes32 anyDigest) public {
        key = within(key, 1, curveOrder - 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, anyDigest);
        bytes32 highS = bytes32(curveOrder - uint256(s));
        // The twin is what ecrecover itself would take for the same key.
        equal(ecrecover(anyDigest, v == 27 ? 28 : 27, r, highS), vm.addr(key), "twin");
        vm.expectRevert(err(ISigned.SignatureHighS.selector, uint256(highS)));
        recoverer.recover(anyDigest, abi.encodePacked(r, highS, v == 27 ? uint8(28) : uint8(27)));
    }

    function test_refuses_the_first_s_above_half_the_order() public {
        vm.expectRevert(err(ISigned.SignatureHighS.selector, uint256(halfOrderPlusOne)));
        recoverer.recover(digest, abi.encodePacked(bytes32(uint256(1)), halfOrderPlusOne, uint8(27)));
    }

    function test_refuses_every_v_but_27_and_28(uint8 v) public {
        vm.assume(v != 27 && v != 28);
        (, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        vm.expectRevert(err(ISigned.SignatureBadV.selector, v));
        recoverer.recover(digest, abi.encodePacked(r, s, v));
    }

    function test_refuses_zero_and_out_of_range_values() public {
        (, bytes32 r, bytes32 s) = vm.sign(aliceKey, digest);
        bytes32 order = bytes32(curveOrder);
        bytes[4] memory bad = [
            abi.encodePacked(bytes32(0), s, uint8(27)),
            abi.encodePacked(r, bytes32(0), uint8(27)),
            abi.encodePacked(order, s, uint8(27)),
            abi.encodePacked(bytes32(type(uint256).max), s, uint8(28))
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(err(ISigned.SignatureInvalid.selector));
            recoverer.recover(digest, bad[i]);
        }
    }

    function test_recovers_the_signer_of_every_canonical_signature(uint256 key, bytes32 anyDigest) public view {
        key = within(key, 1, curveOrder - 1);
        equal(recoverer.recover(anyDigest, signDigest(key, anyDigest)), vm.addr(key), "signer");
    }

    function test_contracts_refuse_a_high_s_promise() public {
        openAlice(5 ether);
        bytes32 hash = hashPayment(1 ether, lockOf(preimage), agreement, hashTicks(0, 0, 0));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, digestOf(address(channel), hash));
        bytes32 highS = bytes32(curveOrder - uint256(s));
        vm.expectRevert(err(ISigned.SignatureHighS.selector, uint256(highS)));
        channel.settle(1 ether, preimage, agreement, abi.encodePacked(r, highS, v == 27 ? uint8(28) : uint8(27)));
    }

    function test_contracts_refuse_every_odd_v() public {
        openAlice(5 ether);
        bytes memory signature = payment(1 ether);
        bool high = signature[64] == bytes1(uint8(28));
        uint8[3] memory odd = [high ? 1 : 0, high ? 27 : 28, high ? 36 : 35];
        for (uint256 i = 0; i < 3; ++i) {
            signature[64] = bytes1(odd[i]);
            vm.expectRevert();
            channel.settle(1 ether, preimage, agreement, signature);
        }
    }

    function test_every_contract_has_its_own_domain() public {
        openAlice(1 ether);
        equal(channel.domainSeparator(), domainOf(address(channel)), "channel");
        equal(registry.domainSeparator(), domainOf(address(registry)), "registry");
        equal(accountant.domainSeparator(), domainOf(address(accountant)), "accountant");
        vm.chainId(99);
        equal(channel.domainSeparator(), domainOf(address(channel), 99), "channel after a fork");
    }

    function test_refuses_a_promise_for_another_chain() public {
        openAlice(5 ether);
        bytes memory signature = payment(1 ether);
        vm.chainId(99);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(1 ether, preimage, agreement, signature);
    }

    function test_refuses_a_promise_for_another_channel_registry_or_type() public {
        openAlice(5 ether);
        bytes32 hash = hashPayment(1 ether, lockOf(preimage), agreement, hashTicks(0, 0, 0));
        bytes[4] memory foreign = [
            signStruct(aliceKey, newRegistry().channelAddress(alice, address(accountant)), hash),
            signStruct(aliceKey, registry.channelAddress(alice, bob), hash),
            signStruct(aliceKey, address(accountant), hash),
            // The same words as an AccountantPromise.
            signAccountantPromise(aliceKey, address(channel), bob, 1 ether, lockOf(preimage))
        ];
        for (uint256 i = 0; i < foreign.length; ++i) {
            vm.expectPartialRevert(ISigned.WrongSigner.selector);
            channel.settle(1 ether, preimage, agreement, foreign[i]);
        }
    }

    function test_a_promise_with_ticks_is_no_plain_promise() public {
        openAlice(5 ether);
        bytes32 ticks = hashTicks(bytes32(uint256(1)), 1, 1);
        bytes memory signature =
            signStruct(aliceKey, address(channel), hashPayment(1 ether, lockOf(preimage), agreement, ticks));
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        channel.settle(1 ether, preimage, agreement, signature);
    }
}

/// @notice W17, C10: nobody else can void a signature, and order does not matter.
contract NoncesTest is World {
    function test_refuses_to_cancel_a_nonce_twice() public {
        vm.prank(alice);
        registry.cancelNonce(300);
        vm.prank(alice);
        vm.expectRevert(err(ISigned.NonceUsed.selector, alice, 300));
        registry.cancelNonce(300);
    }

    function test_cancels_one_nonce_of_one_signer_in_one_contract(uint256 nonce, uint256 other) public {
        vm.assume(nonce != other);
        vm.prank(alice);
        registry.cancelNonce(nonce);
        holds(registry.isNonceUsed(alice, nonce), "cancelled");
        holds(!registry.isNonceUsed(alice, other), "another nonce");
        holds(!registry.isNonceUsed(bob, nonce), "another signer");
        holds(!accountant.isNonceUsed(alice, nonce), "another contract");
    }
}
