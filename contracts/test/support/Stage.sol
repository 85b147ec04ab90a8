// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICollection} from "../../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {ITreasury} from "../../src/interfaces/accountant/ITreasury.sol";
import {IRotation} from "../../src/interfaces/accountant/IRotation.sol";
import {IAccountant} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {ISigned} from "../../src/interfaces/ISigned.sol";
import {TestMystToken} from "../../src/TestMystToken.sol";
import {TickChain} from "./TickChain.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @title A day in which every function of the contracts has something to do, and a good call to each of them.
/// @dev Erin's exit is due; Frank is not registered, and his channel's address holds money. Bob's decrease is due and his
/// guarantee lacks a little; a withdrawal and a rotation are due.
abstract contract Stage is World, TickChain {
    /// @param sender who would send it.
    /// @param identity whose business it is.
    struct Call {
        string name;
        address target;
        address sender;
        address identity;
        bytes data;
    }

    uint256 internal constant erinKey = 0xe21;
    uint256 internal constant frankKey = 0xf2a;
    address internal immutable erin = vm.addr(erinKey);
    address internal immutable frank = vm.addr(frankKey);
    uint256 internal constant plenty = 1_000_000 ether;
    uint256 internal constant called = 77;

    IConsumerChannel internal erins;
    TestMystToken internal foreign;
    Call[] internal calls;

    function setUp() public virtual override {
        super.setUp();
        foreign = new TestMystToken();
        channel = IConsumerChannel(registry.channelAddress(alice, address(accountant)));
        openAlice(10 ether);
        foreign.faucet(address(channel), 5);
        vm.deal(address(channel), 3);
        fund(registry.channelAddress(frank, address(accountant)), 3 ether);
        register(bobKey, bob);
        fund(address(accountant), 30 ether);
        stakeFor(bob, 5 ether);
        stakeFor(dave, 4 ether);
        openErin();
        wish(daveKey, false, true);
        spendSomeOfBobsGuarantee();
        announceRotation(newKey);
        pass(rotationNotice - exitDelay);
        announceDecrease(bobKey, 1 ether);
        announceWithdrawal(1 ether);
        requestExitOfErin();
        pass(exitDelay);
        allow(dave);
        allow(frank);
        allow(carolsOwner);
        writeCalls();
    }

    function openErin() private {
        erins = IConsumerChannel(registry.openChannel(erin, address(accountant)));
        fund(address(erins), 4 ether);
    }

    function requestExitOfErin() private {
        IConsumerChannel.ExitRequest memory r =
            IConsumerChannel.ExitRequest(address(0), address(0), 0, anyNonce(), later);
        erins.requestExit(r, signExit(erinKey, address(erins), r));
    }

    function spendSomeOfBobsGuarantee() private {
        settleBob(22 ether);
        fund(address(accountant), 20 ether);
        accountant.updatePunishment();
        equal(guaranteeOf(bob), 4 ether, "one is lacking");
        equal(accountant.punishedSince(), 0, "nobody is punished");
    }

    function allow(address who) internal {
        fund(who, 10 ether);
        vm.startPrank(who);
        token.approve(address(accountant), plenty);
        token.approve(address(registry), plenty);
        vm.stopPrank();
    }

    // Calls

    function writeCalls() internal {
        writeRegistryCalls();
        writeChannelCalls();
        writeExitCalls();
        writeSettlements();
        writeStakes();
        writeOwnerCalls();
        writeInnerCalls();
    }

    function add(string memory name, address target, address sender, address identity, bytes memory data) internal {
        calls.push(Call(name, target, sender, identity, data));
    }

    function writeRegistryCalls() private {
        address r = address(registry);
        IRegistry.Registration memory fresh =
            IRegistry.Registration(frank, address(accountant), frank, address(0), 0, called, later);
        add(
            "registerIdentity",
            r,
            tom,
            frank,
            abi.encodeCall(IRegistry.registerIdentity, (fresh, signRegistration(frankKey, r, fresh)))
        );
        add("openChannel", r, tom, frank, abi.encodeCall(IRegistry.openChannel, (frank, address(accountant))));
        add(
            "registerAccountant",
            r,
            frank,
            frank,
            abi.encodeCall(IRegistry.registerAccountant, (frank, 10 ether, 0, ""))
        );
        IRegistry.BeneficiaryChange memory b = IRegistry.BeneficiaryChange(bob, address(0xb0b2), called, later);
        add(
            "changeBeneficiary",
            r,
            tom,
            bob,
            abi.encodeCall(IRegistry.changeBeneficiary, (b, signBeneficiaryChange(bobKey, r, b)))
        );
        IRegistry.UrlChange memory u = IRegistry.UrlChange(address(accountant), "http://new.example", called, later);
        add("changeUrl", r, tom, carol, abi.encodeCall(IRegistry.changeUrl, (u, signUrlChange(carolKey, r, u))));
        add("cancelNonce", r, bob, bob, abi.encodeCall(ISigned.cancelNonce, (called + 2)));
    }

    function writeChannelCalls() private {
        address c = address(channel);
        add(
            "settle",
            c,
            tom,
            alice,
            abi.encodeCall(IConsumerChannel.settle, (2 ether, preimage, agreement, payment(2 ether)))
        );
        add(
            "hold",
            c,
            carol,
            alice,
            abi.encodeCall(IConsumerChannel.hold, (3 ether, lockOf(preimage2), agreement, payment(3 ether, preimage2)))
        );
        bytes32[] memory w = chainOf(3, bytes32(uint256(7)));
        IConsumerChannel.Ticks memory t = IConsumerChannel.Ticks(w[0], 0.1 ether, 3);
        bytes memory signature = signTicks(aliceKey, c, 1 ether, lockOf(preimage), agreement, t);
        add(
            "settleTicks",
            c,
            tom,
            alice,
            abi.encodeCall(IConsumerChannel.settleTicks, (1 ether, preimage, agreement, t, 2, w[2], signature))
        );
        add(
            "holdTicks",
            c,
            carol,
            alice,
            abi.encodeCall(IConsumerChannel.holdTicks, (1 ether, lockOf(preimage), agreement, t, signature))
        );
        add("recoverToken", c, alice, alice, abi.encodeCall(IConsumerChannel.recoverToken, (address(foreign), bob)));
        add("recoverNative", c, alice, alice, abi.encodeCall(IConsumerChannel.recoverNative, (bob)));
        add(
            "payRegistration",
            c,
            address(registry),
            alice,
            abi.encodeCall(IConsumerChannel.payRegistration, (tom, 1, tom, 1))
        );
        add("cancelNonce", c, alice, alice, abi.encodeCall(ISigned.cancelNonce, (called + 2)));
    }

    function writeExitCalls() private {
        address c = address(channel);
        IConsumerChannel.ExitRequest memory e =
            IConsumerChannel.ExitRequest(address(0xa11ce2), address(0), 0, called, later);
        add("requestExit", c, tom, alice, abi.encodeCall(IConsumerChannel.requestExit, (e, signExit(aliceKey, c, e))));
        IConsumerChannel.FastExit memory f =
            IConsumerChannel.FastExit(2 ether, address(0xa11ce2), address(0), 0, called + 1, later);
        bytes memory alices = signFastExit(aliceKey, c, f);
        add(
            "fastExit",
            c,
            tom,
            alice,
            abi.encodeCall(IConsumerChannel.fastExit, (f, alices, signFastExit(carolKey, c, f)))
        );
        c = address(erins);
        IConsumerChannel.ExitCancel memory x = IConsumerChannel.ExitCancel(called, later);
        add("cancelExit", c, tom, erin, abi.encodeCall(IConsumerChannel.cancelExit, (x, signExitCancel(erinKey, c, x))));
        add("finalizeExit", c, tom, erin, abi.encodeCall(IConsumerChannel.finalizeExit, ()));
    }

    function writeSettlements() private {
        address a = address(accountant);
        uint256 next = accountant.providerOf(bob).settled + 1 ether;
        add("settle", a, bob, bob, abi.encodeCall(ISettlements.settle, (bob, next, preimage, promiseOf(next))));
        ISettlements.SettleOrder memory o = order(next, address(0), 0);
        o.nonce = called;
        add(
            "settleWithOrder",
            a,
            tom,
            bob,
            abi.encodeCall(ISettlements.settleWithOrder, (o, preimage, promiseOf(next), signOrder(bobKey, a, o)))
        );
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](1);
        items[0] = settlement(dave, 2 ether);
        add("settleMany", a, carol, dave, abi.encodeCall(ISettlements.settleMany, (items)));
        ICollection.Claim[] memory claims = new ICollection.Claim[](1);
        claims[0] = claimOf(4 ether);
        add("collect", a, carol, alice, abi.encodeCall(ICollection.collect, (claims)));
        (address[] memory providers, uint256[] memory totals) = (new address[](1), new uint256[](1));
        (providers[0], totals[0]) = (dave, 1 ether);
        add("payout", a, carol, dave, abi.encodeCall(ISettlements.payout, (providers, totals)));
        add(
            "reportShortage",
            a,
            dave,
            dave,
            abi.encodeCall(ISettlements.reportShortage, (dave, plenty, preimage, promiseTo(dave, plenty)))
        );
        ISettlements.SettleWish memory w = ISettlements.SettleWish(bob, true, true, called + 1, later);
        add("changeSettleWish", a, tom, bob, abi.encodeCall(ISettlements.changeSettleWish, (w, signWish(bobKey, a, w))));
        add("cancelNonce", a, bob, bob, abi.encodeCall(ISigned.cancelNonce, (called + 2)));
    }

    function writeStakes() private {
        address a = address(accountant);
        add("increaseStake", a, dave, dave, abi.encodeCall(IStakes.increaseStake, (dave, 1 ether)));
        add(
            "increaseStakeWithPermit",
            a,
            frank,
            frank,
            abi.encodeCall(IStakes.increaseStakeWithPermit, (frank, 1 ether, later, 0, 0, 0))
        );
        IStakes.StakeDecrease memory d = IStakes.StakeDecrease(dave, 1 ether, address(0), 0, called, later);
        add("decreaseStake", a, tom, dave, abi.encodeCall(IStakes.decreaseStake, (d, signDecrease(daveKey, a, d))));
        add("finalizeStakeDecrease", a, tom, bob, abi.encodeCall(IStakes.finalizeStakeDecrease, (bob)));
        add("rebalance", a, tom, bob, abi.encodeCall(IStakes.rebalance, (bob)));
    }

    function writeOwnerCalls() private {
        address a = address(accountant);
        address o = carolsOwner;
        add("increaseOperatorStake", a, o, o, abi.encodeCall(ITreasury.increaseOperatorStake, (1 ether)));
        add("updatePunishment", a, tom, o, abi.encodeCall(ITreasury.updatePunishment, ()));
        add("announceWithdrawal", a, o, o, abi.encodeCall(ITreasury.announceWithdrawal, (2 ether, treasury)));
        add("cancelWithdrawal", a, o, o, abi.encodeCall(ITreasury.cancelWithdrawal, ()));
        add("withdraw", a, o, o, abi.encodeCall(ITreasury.withdraw, ()));
        add("close", a, o, o, abi.encodeCall(ITreasury.close, ()));
        add("announceFeeRate", a, o, o, abi.encodeCall(ITreasury.announceFeeRate, (1)));
        add("announceRotation", a, o, o, abi.encodeCall(IRotation.announceRotation, (vm.addr(newKey + 1))));
        add("cancelRotation", a, o, o, abi.encodeCall(IRotation.cancelRotation, ()));
        add("rotate", a, tom, o, abi.encodeCall(IRotation.rotate, ()));
    }

    function writeInnerCalls() private {
        address a = address(accountant);
        add("initialize", a, address(registry), bob, abi.encodeCall(IAccountant.initialize, (bob, bob, 0, 0)));
        uint256 balance = balanceOf(a);
        add(
            "settleOne", a, a, dave, abi.encodeCall(ISettlements.settleOne, (balance, carol, settlement(dave, 2 ether)))
        );
        add("payoutOne", a, a, dave, abi.encodeCall(ISettlements.payoutOne, (dave, 1 ether, balance)));
    }

    function send(address sender, Call memory c) internal returns (bool done) {
        vm.prank(sender);
        (done,) = c.target.call(c.data);
    }

    // What there is

    /// @return digest of all that the contracts show, and of what everybody has.
    function seen() internal view returns (bytes32 digest) {
        digest = keccak256(abi.encode(seenBalances(), seenChannel(channel), seenChannel(erins)));
        digest = keccak256(abi.encode(digest, seenProvider(bob), seenProvider(dave), seenProvider(frank)));
        return keccak256(abi.encode(digest, seenTreasury(), seenRegistry(), seenNonces()));
    }

    function people() internal view returns (address[12] memory) {
        return
            [
                alice,
                address(0xa11ce2),
                bob,
                address(0xb0b2),
                dave,
                erin,
                frank,
                tom,
                treasury,
                carolsOwner,
                carol,
                mallory
            ];
    }

    function seenBalances() private view returns (bytes32 digest) {
        address[12] memory all = people();
        for (uint256 i = 0; i < all.length; ++i) {
            digest = keccak256(abi.encode(digest, balanceOf(all[i]), all[i].balance));
        }
        digest = keccak256(abi.encode(digest, balanceOf(address(accountant)), balanceOf(address(channel))));
        digest =
            keccak256(abi.encode(digest, balanceOf(address(erins)), foreign.balanceOf(bob), address(channel).balance));
    }

    function seenChannel(IConsumerChannel c) private view returns (bytes32) {
        return keccak256(abi.encode(c.settled(), c.held(), c.exit()));
    }

    function seenProvider(address who) private view returns (bytes32) {
        return keccak256(abi.encode(accountant.providerOf(who), accountant.pendingDecrease(who)));
    }

    function seenTreasury() private view returns (bytes32 digest) {
        digest = keccak256(
            abi.encode(
                accountant.operatorStake(),
                accountant.reserve(),
                accountant.totalStake(),
                accountant.punishedSince(),
                accountant.shortProviders(),
                accountant.closedUntil()
            )
        );
        (address next, uint256 nextAt) = accountant.nextOperator();
        (uint256 rate, uint256 rateAt) = accountant.nextFeeRate();
        digest = keccak256(abi.encode(digest, next, nextAt, rate, rateAt, accountant.pendingWithdrawal()));
        return keccak256(abi.encode(digest, accountant.operator(), accountant.owner(), accountant.rotations()));
    }

    function seenRegistry() private view returns (bytes32 digest) {
        address franks = registry.channelAddress(frank, address(accountant));
        digest = keccak256(
            abi.encode(
                registry.isRegistered(frank),
                registry.beneficiaryOf(frank),
                registry.beneficiaryOf(bob),
                registry.urlOf(address(accountant)),
                registry.isAccountant(registry.accountantAddress(frank, frank)),
                franks.code.length,
                balanceOf(franks)
            )
        );
    }

    function seenNonces() private view returns (bytes32 digest) {
        ISigned a = ISigned(address(accountant));
        ISigned r = ISigned(address(registry));
        for (uint256 n = called; n < called + 3; ++n) {
            digest =
                keccak256(abi.encode(digest, r.isNonceUsed(frank, n), r.isNonceUsed(bob, n), r.isNonceUsed(carol, n)));
            digest = keccak256(abi.encode(digest, channel.isNonceUsed(alice, n), erins.isNonceUsed(erin, n)));
            digest =
                keccak256(abi.encode(digest, a.isNonceUsed(bob, n), a.isNonceUsed(dave, n), a.isNonceUsed(frank, n)));
        }
    }
}
