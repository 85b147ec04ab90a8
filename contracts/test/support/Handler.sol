// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICollection} from "../../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../src/interfaces/accountant/IStakes.sol";
import {IAccountant} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {vm} from "./Vm.sol";
import {World} from "./World.sol";

/// @title Everybody acts at random: honest, greedy and careless calls in any order.
/// @dev Calls may be refused; `succeeded` counts those that were not, so that nothing is proved by doing nothing.
contract Handler is World {
    uint256 internal constant daveKey = 0xda5e;
    address public immutable dave = vm.addr(daveKey);
    address public constant alicesWallet = address(0xa11ce2);

    uint256 public called;
    uint256 public succeeded;
    /// @dev The highest amounts ever signed.
    uint256 public promisedByAlice;
    mapping(address provider => uint256) public promisedTo;
    uint256 private _nonce = 1000;

    modifier counted() {
        ++called;
        _;
    }

    constructor() {
        setUp();
        openAlice(20 ether);
        fund(address(accountant), 20 ether);
        fund(bob, 100 ether);
        fund(dave, 100 ether);
        vm.prank(bob);
        token.approve(address(accountant), later);
        vm.prank(dave);
        token.approve(address(accountant), later);
    }

    /// @dev Once only: forge calls every public function of a handler.
    function setUp() public override {
        if (address(token) == address(0)) super.setUp();
    }

    function settleAlice(uint256 amount, bool partly) external counted {
        amount = alicesNext(amount, partly);
        try channel.settle(amount, preimage, agreement, payment(amount)) {
            ++succeeded;
        } catch {}
    }

    function collectAlice(uint256 amount) external counted {
        amount = alicesNext(amount, false);
        uint256 before = channel.settled();
        ICollection.Claim[] memory claims = new ICollection.Claim[](2);
        claims[0] = ICollection.Claim(address(channel), amount, preimage, agreement, payment(amount));
        claims[1] = claims[0];
        accountant.collect(claims);
        if (channel.settled() > before) ++succeeded;
    }

    function holdAlice(uint256 amount) external counted {
        amount = alicesNext(amount, true);
        try channel.hold(amount, lockOf(preimage), agreement, payment(amount)) {
            ++succeeded;
        } catch {}
    }

    function topUpAlice(uint256 amount) external counted {
        fund(address(channel), within(amount, 1, 10 ether));
        ++succeeded;
    }

    function topUpCarol(uint256 amount) external counted {
        fund(address(accountant), within(amount, 1, 5 ether));
        ++succeeded;
    }

    function exitAlice(uint256 fee) external counted {
        IConsumerChannel.ExitRequest memory r =
            IConsumerChannel.ExitRequest(alicesWallet, tom, within(fee, 0, 1 ether), ++_nonce, later);
        bytes memory signature = signExit(aliceKey, address(channel), r);
        vm.prank(tom);
        try channel.requestExit(r, signature) {
            ++succeeded;
        } catch {}
    }

    function finalizeAlice() external counted {
        try channel.finalizeExit() {
            ++succeeded;
        } catch {}
    }

    function fastExitAlice(uint256 amount) external counted {
        IConsumerChannel.FastExit memory r =
            IConsumerChannel.FastExit(within(amount, 1, 3 ether), alicesWallet, tom, 1, ++_nonce, later);
        bytes memory alices = signFastExit(aliceKey, address(channel), r);
        bytes memory carols = signFastExit(carolKey, address(channel), r);
        vm.prank(tom);
        try channel.fastExit(r, alices, carols) {
            ++succeeded;
        } catch {}
    }

    function settleProvider(uint256 who, uint256 amount, bool byCarol) external counted {
        (address provider,) = providerAt(who);
        amount = providersNext(provider, amount);
        bytes memory signature = promiseTo(provider, amount);
        vm.prank(byCarol ? carol : provider);
        try accountant.settle(provider, amount, preimage, signature) {
            ++succeeded;
        } catch {}
    }

    function orderProvider(uint256 who, uint256 amount, uint256 fee, bool intoStake, bool allowPartial)
        external
        counted
    {
        (address provider, uint256 key) = providerAt(who);
        amount = providersNext(provider, amount);
        fee = within(fee, 0, 1 ether);
        ISettlements.SettleOrder memory o = ISettlements.SettleOrder(
            provider, intoStake ? 1 : 0, amount, address(0), tom, fee, allowPartial, ++_nonce, later
        );
        bytes memory promised = promiseTo(provider, amount);
        bytes memory signature = signOrder(key, address(accountant), o);
        vm.prank(tom);
        try accountant.settleWithOrder(o, preimage, promised, signature) {
            ++succeeded;
        } catch {}
    }

    function settleBoth(uint256 bobs, uint256 daves) external counted {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](2);
        (bobs, daves) = (providersNext(bob, bobs), providersNext(dave, daves));
        items[0] = ISettlements.Settlement(bob, bobs, preimage, promiseTo(bob, bobs));
        items[1] = ISettlements.Settlement(dave, daves, preimage, promiseTo(dave, daves));
        uint256 before = balanceOf(address(accountant));
        vm.prank(carol);
        accountant.settleMany(items);
        if (balanceOf(address(accountant)) < before) ++succeeded;
    }

    function stakeProvider(uint256 who, uint256 amount) external counted {
        (address provider,) = providerAt(who);
        vm.prank(provider);
        try accountant.increaseStake(provider, within(amount, 1, 6 ether)) {
            ++succeeded;
        } catch {}
    }

    function unstakeProvider(uint256 who, uint256 amount) external counted {
        (address provider, uint256 key) = providerAt(who);
        IStakes.StakeDecrease memory d =
            IStakes.StakeDecrease(provider, within(amount, 2, 6 ether), tom, 1, ++_nonce, later);
        bytes memory signature = signDecrease(key, address(accountant), d);
        vm.prank(tom);
        try accountant.decreaseStake(d, signature) {
            ++succeeded;
        } catch {}
    }

    function finalizeProvider(uint256 who) external counted {
        (address provider,) = providerAt(who);
        try accountant.finalizeStakeDecrease(provider) {
            ++succeeded;
        } catch {}
    }

    function rebalanceProvider(uint256 who) external counted {
        (address provider,) = providerAt(who);
        try accountant.rebalance(provider) {
            ++succeeded;
        } catch {}
    }

    function announceWithdrawal(uint256 amount) external counted {
        vm.prank(carolsOwner);
        accountant.announceWithdrawal(within(amount, 1, 10 ether), treasury);
        ++succeeded;
    }

    function withdraw() external counted {
        vm.prank(carolsOwner);
        try accountant.withdraw() {
            ++succeeded;
        } catch {}
    }

    function wait(uint256 time) external counted {
        vm.warp(block.timestamp + within(time, 12 hours, 5 days));
        ++succeeded;
    }

    // What the invariants look at

    function world() external view returns (address, address, address) {
        return (address(token), address(accountant), address(channel));
    }

    function holders() external view returns (address[] memory all) {
        all = new address[](9);
        (all[0], all[1], all[2], all[3]) = (bob, dave, alice, alicesWallet);
        (all[4], all[5], all[6], all[7]) = (tom, treasury, carolsOwner, address(accountant));
        all[8] = address(channel);
    }

    /// @dev An old amount, or one a little above the highest.
    function alicesNext(uint256 amount, bool old) private returns (uint256) {
        if (old && promisedByAlice > 1) return within(amount, 1, promisedByAlice);
        promisedByAlice += within(amount, 1, 3 ether);
        return promisedByAlice;
    }

    function providersNext(address provider, uint256 amount) private returns (uint256) {
        if (amount % 4 == 0 && promisedTo[provider] > 1) return within(amount, 1, promisedTo[provider]);
        promisedTo[provider] += within(amount, 1, 3 ether);
        return promisedTo[provider];
    }

    function providerAt(uint256 who) private view returns (address, uint256) {
        return who % 2 == 0 ? (bob, bobKey) : (dave, daveKey);
    }
}
