// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../../../src/interfaces/accountant/IBooks.sol";
import {ISettlements} from "../../../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../../../src/interfaces/accountant/IStakes.sol";
import {vm} from "../Vm.sol";
import {Ghosts} from "./Ghosts.sol";

/// @title What two providers do, with the operator's help or a thief's. C3 is checked on the way.
abstract contract ProviderMoves is Ghosts {
    function providerAt(uint256 who) internal view returns (address, uint256) {
        return who % 2 == 0 ? (bob, bobKey) : (dave, daveKey);
    }

    /// @dev An old amount, the highest once more, one a little above it, or one a little above what was paid.
    function nextTo(address provider, uint256 amount) private returns (uint256) {
        uint256 highest = signedUpTo[provider];
        uint256 settled = accountant.providerOf(provider).settled;
        if (amount % 4 == 1) return highest;
        if (amount % 8 == 2 && settled < highest) return within(amount, settled + 1, highest);
        if (amount % 4 == 0 && highest > 1) return within(amount, 1, highest);
        return signedUpTo[provider] = highest + within(amount, 1, 3 ether);
    }

    /// @return what a settlement of the operator's promise must pay: free funds, guarantee, and what is drawn for it.
    function dueTo(address provider, uint256 amount) private view returns (uint256) {
        IBooks.Provider memory p = accountant.providerOf(provider);
        if (amount <= p.settled) return 0;
        uint256 owed = amount - p.settled;
        uint256 there = accountant.freeFunds() + p.guarantee;
        if (p.shortSince != 0 && vm.getBlockTimestamp() >= p.shortSince + 3 days) {
            uint256 lack = p.stake - p.guarantee;
            uint256 drawable = lack > p.drawn ? lack - p.drawn : 0;
            uint256 backing = accountant.operatorStake() + accountant.reserve();
            there += drawable < backing ? drawable : backing;
        }
        return owed < there ? owed : there;
    }

    function noteShortIf(bool done, address provider, uint256 amount) private {
        if (done) noteShort(provider, amount);
    }

    function settleProvider(uint256 who, uint256 amount, bool byCarol) external watched {
        (address provider,) = providerAt(who);
        amount = nextTo(provider, amount);
        uint256 due = dueTo(provider, amount);
        uint256 before = balanceOf(provider);
        bytes memory signature = promiseBy(operatorKey(), provider, amount);
        bytes memory data = abi.encodeCall(ISettlements.settle, (provider, amount, preimage, signature));
        bool done = attempt("settle provider", byCarol ? accountant.operator() : provider, address(accountant), data);
        noteShortIf(done, provider, amount);
        if (done != (due != 0)) breakRule("a provider is paid exactly when something is due");
        if (balanceOf(provider) != before + due) breakRule("a provider is paid exactly what is due");
    }

    function orderProvider(uint256 who, uint256 amount, uint256 fee, bool intoStake, bool partly) external watched {
        (address provider, uint256 key) = providerAt(who);
        amount = nextTo(provider, amount);
        ISettlements.SettleOrder memory o;
        (o.provider, o.into, o.amount, o.transactor) = (provider, intoStake ? 1 : 0, amount, tom);
        (o.fee, o.allowPartial, o.nonce, o.deadline) = (within(fee, 0, 0.5 ether), partly, anyNonce(), later);
        bytes memory promised = promiseBy(operatorKey(), provider, amount);
        bytes memory ordered = signOrder(key, address(accountant), o);
        bytes memory data = abi.encodeCall(ISettlements.settleWithOrder, (o, preimage, promised, ordered));
        attempt(intoStake ? "order into stake" : "order", tom, address(accountant), data);
    }

    function settleBoth(uint256 bobs, uint256 daves) external watched {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](2);
        (bobs, daves) = (nextTo(bob, bobs), nextTo(dave, daves));
        items[0] = settlementBy(operatorKey(), bob, bobs);
        items[1] = settlementBy(operatorKey(), dave, daves);
        uint256 before = balanceOf(address(accountant));
        vm.prank(accountant.operator());
        accountant.settleMany(items);
        count("settle many", balanceOf(address(accountant)) < before);
    }

    /// @dev A thief of a replaced key, and the provider that helps: at most the guarantee at that rotation.
    function settleOnOldKey(uint256 who, uint256 amount, uint256 rotation) external watched {
        uint256 rotations = accountant.rotations();
        if (rotations == 0) return;
        (address provider,) = providerAt(who);
        rotation = within(rotation, 1, rotations);
        amount = accountant.providerOf(provider).settled + within(amount, 1, 8 ether);
        if (amount > signedUpTo[provider]) signedUpTo[provider] = amount;
        uint256 before = balanceOf(provider);
        uint256 free = accountant.freeFunds();
        bytes memory signature = promiseBy(keyOf(rotation), provider, amount);
        bytes memory data = abi.encodeCall(ISettlements.settle, (provider, amount, preimage, signature));
        attempt("settle on an old key", provider, address(accountant), data);
        uint256 paid = paidOnOld[provider][rotation] += balanceOf(provider) - before;
        if (paid > guaranteeAt[provider][rotation]) {
            breakRule("an old key took more than the guarantee at its rotation");
        }
        if (accountant.freeFunds() != free) breakRule("an old key took free funds");
    }

    function wishPayouts(uint256 who, bool anyone, uint256 luck) external watched {
        (, uint256 key) = providerAt(who);
        wish(key, anyone, luck % 8 != 0);
        count("wish", true);
    }

    function reportShortageOf(uint256 who, uint256 amount) external watched {
        if (amount % 2 == 0) return;
        (address provider,) = providerAt(who);
        amount = accountant.providerOf(provider).settled + within(amount, 1, 20 ether);
        if (amount > signedUpTo[provider]) signedUpTo[provider] = amount;
        bytes memory signature = promiseBy(operatorKey(), provider, amount);
        bytes memory data = abi.encodeCall(ISettlements.reportShortage, (provider, amount, preimage, signature));
        noteShortIf(attempt("report a shortage", tom, address(accountant), data), provider, amount);
    }

    function increaseStake(uint256 who, uint256 amount) external watched {
        (address provider,) = providerAt(who);
        bytes memory data = abi.encodeCall(IStakes.increaseStake, (provider, within(amount, 1, 6 ether)));
        attempt("stake", provider, address(accountant), data);
    }

    function increaseStakeWithPermit(uint256 who, uint256 amount) external watched {
        (address provider, uint256 key) = providerAt(who);
        amount = within(amount, 1, 3 ether);
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(
            abi.encode(typeHash, provider, address(accountant), type(uint256).max, token.nonces(provider), later)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
        // Somebody else sends the permit first.
        token.permit(provider, address(accountant), type(uint256).max, later, v, r, s);
        bytes memory data = abi.encodeCall(IStakes.increaseStakeWithPermit, (provider, amount, later, v, r, s));
        attempt("stake with permit", provider, address(accountant), data);
    }

    function decreaseStake(uint256 who, uint256 amount) external watched {
        (address provider, uint256 key) = providerAt(who);
        IStakes.StakeDecrease memory d =
            IStakes.StakeDecrease(provider, within(amount, 2, 4 ether), tom, 1, anyNonce(), later);
        bytes memory signature = signDecrease(key, address(accountant), d);
        attempt("decrease stake", tom, address(accountant), abi.encodeCall(IStakes.decreaseStake, (d, signature)));
    }

    function finalizeStakeDecrease(uint256 who) external watched {
        (address provider,) = providerAt(who);
        bytes memory data = abi.encodeCall(IStakes.finalizeStakeDecrease, (provider));
        attempt("finalize decrease", tom, address(accountant), data);
    }

    function rebalance(uint256 who) external watched {
        (address provider,) = providerAt(who);
        attempt("rebalance", tom, address(accountant), abi.encodeCall(IStakes.rebalance, (provider)));
    }
}
