// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICollection} from "../../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IAccountant} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {ISigned} from "../../src/interfaces/ISigned.sol";
import {TestMystToken} from "../../src/TestMystToken.sol";
import {Assert} from "./Assert.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @title A small network: Alice consumes, Bob and Dave provide, Carol runs the accountant, Tom sends transactions for a
/// fee, Mallory copies them.
abstract contract World is Assert, Signing {
    uint256 internal constant aliceKey = 0xa11ce;
    uint256 internal constant bobKey = 0xb0b;
    uint256 internal constant daveKey = 0xda5e;
    uint256 internal constant carolKey = 0xca401;
    /// @dev The operator that Carol announces next.
    uint256 internal constant newKey = 0xca402;
    address internal immutable alice = vm.addr(aliceKey);
    address internal immutable bob = vm.addr(bobKey);
    address internal immutable dave = vm.addr(daveKey);
    /// @dev Carol's hot key; her cold one is `carolsOwner`.
    address internal immutable carol = vm.addr(carolKey);
    address internal constant carolsOwner = address(0xc01d);
    address internal constant tom = address(0x70b);
    address internal constant mallory = address(0xbad);
    address internal constant treasury = address(0xfee);

    uint256 internal constant exitDelay = 4 days;
    uint256 internal constant rateNotice = 7 days;
    uint256 internal constant rotationNotice = 14 days;
    uint256 internal constant closingDelay = 60 days;
    uint256 internal constant registrationFee = 0.1 ether;
    uint256 internal constant carolsStake = 100 ether;
    uint256 internal constant later = type(uint256).max;
    bytes32 internal constant preimage = bytes32(uint256(0x5ec4e7));
    bytes32 internal constant preimage2 = bytes32(uint256(0x5ec4e72));

    TestMystToken internal token;
    IRegistry internal registry;
    IAccountant internal accountant;
    IConsumerChannel internal channel;
    bytes32 internal agreement;
    uint256 private lastNonce = 1 << 64;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        token = new TestMystToken();
        registry = newRegistry();
        accountant = IAccountant(newAccountant(carolsOwner, carol));
        channel = IConsumerChannel(registry.channelAddress(alice, address(accountant)));
        agreement = hashAgreement(bytes32(uint256(1)), bob, 1 ether);
    }

    function newRegistry() internal returns (IRegistry) {
        return newRegistry(
            IRegistry.Terms(treasury, registrationFee, 10 ether, exitDelay, rateNotice, rotationNotice, closingDelay)
        );
    }

    /// @dev From the artifact that is published; the tests' own compilation is not optimized.
    function newRegistry(IRegistry.Terms memory terms) internal returns (IRegistry deployed) {
        bytes memory code =
            bytes.concat(vm.getCode("contracts/out/Registry.sol/Registry.json"), abi.encode(token, terms));
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
            if iszero(deployed) {
                returndatacopy(mload(0x40), 0, returndatasize())
                revert(mload(0x40), returndatasize())
            }
        }
    }

    function newAccountant(address owner, address operator) internal returns (address) {
        token.faucet(owner, carolsStake);
        vm.prank(owner);
        token.approve(address(registry), carolsStake);
        vm.prank(owner);
        return registry.registerAccountant(operator, carolsStake, 2000, "http://carol.example");
    }

    function fund(address to, uint256 amount) internal {
        token.faucet(to, amount);
    }

    function openAlice(uint256 amount) internal {
        fund(address(channel), amount);
        registry.openChannel(alice, address(accountant));
    }

    function balanceOf(address account) internal view returns (uint256) {
        return token.balanceOf(account);
    }

    // Alice's promises

    function payment(uint256 amount) internal view returns (bytes memory) {
        return payment(amount, preimage);
    }

    function payment(uint256 amount, bytes32 secret) internal view returns (bytes memory) {
        return signPayment(aliceKey, address(channel), amount, lockOf(secret), agreement);
    }

    function settleChannel(uint256 amount) internal {
        channel.settle(amount, preimage, agreement, payment(amount));
    }

    function claimOf(uint256 amount) internal view returns (ICollection.Claim memory) {
        return ICollection.Claim(address(channel), amount, preimage, agreement, payment(amount));
    }

    function collectFromAlice(uint256 amount) internal {
        ICollection.Claim[] memory claims = new ICollection.Claim[](1);
        claims[0] = claimOf(amount);
        accountant.collect(claims);
    }

    // Carol's promises

    function promiseOf(uint256 amount) internal view returns (bytes memory) {
        return promiseTo(bob, amount);
    }

    function promiseTo(address provider, uint256 amount) internal view returns (bytes memory) {
        return signAccountantPromise(carolKey, address(accountant), provider, amount, lockOf(preimage));
    }

    function promiseBy(uint256 key, address provider, uint256 amount) internal view returns (bytes memory) {
        return signAccountantPromise(key, address(accountant), provider, amount, lockOf(preimage));
    }

    function settleBob(uint256 amount) internal {
        settleFor(bob, carolKey, amount);
    }

    /// @param key that signed the promise.
    function settleFor(address provider, uint256 key, uint256 amount) internal {
        bytes memory signature = promiseBy(key, provider, amount);
        vm.prank(provider);
        accountant.settle(provider, amount, preimage, signature);
    }

    function refuseSettling(address provider, uint256 key, uint256 amount, bytes memory reason) internal {
        bytes memory signature = promiseBy(key, provider, amount);
        vm.prank(provider);
        vm.expectRevert(reason);
        accountant.settle(provider, amount, preimage, signature);
    }

    function settlement(address provider, uint256 amount) internal view returns (ISettlements.Settlement memory) {
        return settlementBy(carolKey, provider, amount);
    }

    /// @param key that signed the promise.
    function settlementBy(uint256 key, address provider, uint256 amount)
        internal
        view
        returns (ISettlements.Settlement memory)
    {
        (bytes32 r, bytes32 s, uint8 v) = split(promiseBy(key, provider, amount));
        return ISettlements.Settlement(provider, amount, preimage, r, s, v);
    }

    function reportShortage(address provider, uint256 amount) internal {
        accountant.reportShortage(provider, amount, preimage, promiseTo(provider, amount));
    }

    // What is signed with a nonce nobody else uses

    function anyNonce() internal returns (uint256) {
        return ++lastNonce;
    }

    function wish(uint256 key, bool anyone, bool payouts) internal {
        ISettlements.SettleWish memory w = ISettlements.SettleWish(vm.addr(key), anyone, payouts, anyNonce(), later);
        accountant.changeSettleWish(w, signWish(key, address(accountant), w));
    }

    function announceDecrease(uint256 key, uint256 amount) internal {
        IStakes.StakeDecrease memory d = IStakes.StakeDecrease(vm.addr(key), amount, address(0), 0, anyNonce(), later);
        accountant.decreaseStake(d, signDecrease(key, address(accountant), d));
    }

    /// @dev Four days pass.
    function takeStakeBack(uint256 key, uint256 amount) internal {
        announceDecrease(key, amount);
        pass(exitDelay);
        accountant.finalizeStakeDecrease(vm.addr(key));
    }

    function requestExitOfAlice() internal {
        IConsumerChannel.ExitRequest memory r =
            IConsumerChannel.ExitRequest(address(0), address(0), 0, anyNonce(), later);
        channel.requestExit(r, signExit(aliceKey, address(channel), r));
    }

    function register(uint256 key, address beneficiary) internal {
        address identity = vm.addr(key);
        fund(registry.channelAddress(identity, address(accountant)), registrationFee);
        IRegistry.Registration memory r =
            IRegistry.Registration(identity, address(accountant), beneficiary, address(0), 0, anyNonce(), later);
        registry.registerIdentity(r, signRegistration(key, address(registry), r));
    }

    // Carol

    function announceRotation(uint256 key) internal {
        vm.prank(carolsOwner);
        accountant.announceRotation(vm.addr(key));
    }

    /// @dev The notice passes.
    function rotateTo(uint256 key) internal {
        announceRotation(key);
        pass(rotationNotice);
        accountant.rotate();
    }

    function payout(address provider, uint256 upTo) internal {
        (address[] memory providers, uint256[] memory totals) = (new address[](1), new uint256[](1));
        (providers[0], totals[0]) = (provider, upTo);
        address operator = accountant.operator();
        vm.prank(operator);
        accountant.payout(providers, totals);
    }

    function announceWithdrawal(uint256 amount) internal {
        vm.prank(carolsOwner);
        accountant.announceWithdrawal(amount, treasury);
    }

    function withdraw() internal {
        vm.prank(carolsOwner);
        accountant.withdraw();
    }

    function refuseWithdraw(bytes memory reason) internal {
        vm.prank(carolsOwner);
        vm.expectRevert(reason);
        accountant.withdraw();
    }

    function close() internal {
        vm.prank(carolsOwner);
        accountant.close();
    }

    function guaranteeOf(address provider) internal view returns (uint256) {
        return accountant.providerOf(provider).guarantee;
    }

    function pass(uint256 time) internal {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function stakeBob(uint256 amount) internal {
        stakeFor(bob, amount);
    }

    function stakeFor(address provider, uint256 amount) internal {
        fund(provider, amount);
        vm.prank(provider);
        token.approve(address(accountant), amount);
        vm.prank(provider);
        accountant.increaseStake(provider, amount);
    }

    function order(uint256 amount, address transactor, uint256 fee)
        internal
        view
        returns (ISettlements.SettleOrder memory)
    {
        return ISettlements.SettleOrder(bob, 0, amount, address(0), transactor, fee, false, 1, later);
    }

    function sendOrder(address sender, ISettlements.SettleOrder memory o) internal {
        bytes memory promiseSignature = promiseOf(o.amount);
        bytes memory orderSignature = signOrder(bobKey, address(accountant), o);
        vm.prank(sender);
        accountant.settleWithOrder(o, preimage, promiseSignature, orderSignature);
    }

    function refuseOrder(address sender, ISettlements.SettleOrder memory o, bytes memory reason) internal {
        bytes memory promiseSignature = promiseOf(o.amount);
        bytes memory orderSignature = signOrder(bobKey, address(accountant), o);
        vm.prank(sender);
        vm.expectRevert(reason);
        accountant.settleWithOrder(o, preimage, promiseSignature, orderSignature);
    }

    // Errors with their facts

    function err(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function err(bytes4 selector, uint256 a) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }

    function err(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function err(bytes4 selector, address a) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }

    function err(bytes4 selector, address a, address b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function err(bytes4 selector, address a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }
}
