// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICollection} from "../../../src/interfaces/accountant/ICollection.sol";
import {IConsumerChannel} from "../../../src/interfaces/IConsumerChannel.sol";
import {vm} from "../Vm.sol";
import {Ghosts} from "./Ghosts.sol";

/// @title What two consumers and their accountant do with channels. C3 and C16 are checked on the way.
abstract contract ConsumerMoves is Ghosts {
    uint256 private constant tickValue = 0.01 ether;
    uint256 private constant tickMax = 8;
    bytes32[] private w;

    constructor() {
        w = chainOf(tickMax, bytes32(uint256(7)));
    }

    function channelOf(uint256 who) private view returns (IConsumerChannel, uint256) {
        return who % 2 == 0 ? (channel, aliceKey) : (erins, erinKey);
    }

    /// @dev An old amount, or one a little above the highest.
    function next(address c, uint256 amount) private returns (uint256) {
        uint256 highest = signedUpTo[c];
        if (amount % 4 == 0 && highest > 1) return within(amount, 1, highest);
        return signedUpTo[c] = highest + within(amount, 1, 3 ether);
    }

    function promised(uint256 key, address c, uint256 amount) private view returns (bytes memory) {
        return signPayment(key, c, amount, lockOf(preimage), agreement);
    }

    /// @dev C3: exactly `min(amount − settled, balance)`, or nothing and a refusal.
    function expectSettled(IConsumerChannel c, uint256 amount, uint256 before, uint256 balance, bool done) private {
        uint256 owed = amount > before ? amount - before : 0;
        uint256 due = owed < balance ? owed : balance;
        if (done != (due != 0)) breakRule("a channel settles exactly when something is due");
        if (c.settled() != before + due) breakRule("a channel's settled grew by something else");
        if (balanceOf(address(c)) != balance - due) breakRule("a channel paid something else");
    }

    function settleChannel(uint256 who, uint256 amount) external watched {
        (IConsumerChannel c, uint256 key) = channelOf(who);
        amount = next(address(c), amount);
        (uint256 before, uint256 balance) = (c.settled(), balanceOf(address(c)));
        bytes memory data =
            abi.encodeCall(IConsumerChannel.settle, (amount, preimage, agreement, promised(key, address(c), amount)));
        expectSettled(c, amount, before, balance, attempt("settle channel", tom, address(c), data));
    }

    function settleTicks(uint256 who, uint256 amount, uint256 k) external watched {
        (IConsumerChannel c, uint256 key) = channelOf(who);
        k = within(k, 0, tickMax);
        amount = next(address(c), amount);
        uint256 total = amount + k * tickValue;
        if (total > signedUpTo[address(c)]) signedUpTo[address(c)] = total;
        (uint256 before, uint256 balance) = (c.settled(), balanceOf(address(c)));
        bytes memory data = ticksData(key, address(c), amount, k);
        expectSettled(c, total, before, balance, attempt("settle ticks", tom, address(c), data));
    }

    function ticksData(uint256 key, address c, uint256 amount, uint256 k) private view returns (bytes memory) {
        IConsumerChannel.Ticks memory t = IConsumerChannel.Ticks(w[0], tickValue, tickMax);
        bytes memory signature = signTicks(key, c, amount, lockOf(preimage), agreement, t);
        return abi.encodeCall(IConsumerChannel.settleTicks, (amount, preimage, agreement, t, k, w[k], signature));
    }

    function hold(uint256 who, uint256 amount, bool ticks) external watched {
        (IConsumerChannel c, uint256 key) = channelOf(who);
        amount = next(address(c), amount);
        bytes memory data;
        if (ticks) {
            IConsumerChannel.Ticks memory t = IConsumerChannel.Ticks(w[0], tickValue, tickMax);
            bytes memory signature = signTicks(key, address(c), amount, lockOf(preimage), agreement, t);
            data = abi.encodeCall(IConsumerChannel.holdTicks, (amount, lockOf(preimage), agreement, t, signature));
            uint256 total = amount + tickMax * tickValue;
            if (total > signedUpTo[address(c)]) signedUpTo[address(c)] = total;
        } else {
            bytes memory signature = promised(key, address(c), amount);
            data = abi.encodeCall(IConsumerChannel.hold, (amount, lockOf(preimage), agreement, signature));
        }
        attempt(ticks ? "hold ticks" : "hold", carol, address(c), data);
    }

    function collect(uint256 ofAlice, uint256 ofErin) external watched {
        (ofAlice, ofErin) = (next(address(channel), ofAlice), next(address(erins), ofErin));
        ICollection.Claim[] memory claims = new ICollection.Claim[](3);
        claims[0] = ICollection.Claim(
            address(channel), ofAlice, preimage, agreement, promised(aliceKey, address(channel), ofAlice)
        );
        claims[1] = claims[0];
        claims[2] =
            ICollection.Claim(address(erins), ofErin, preimage, agreement, promised(erinKey, address(erins), ofErin));
        uint256 before = balanceOf(address(accountant));
        vm.prank(tom);
        accountant.collect(claims);
        count("collect", balanceOf(address(accountant)) > before);
    }

    function topUpChannel(uint256 who, uint256 amount) external watched {
        (IConsumerChannel c,) = channelOf(who);
        fund(address(c), within(amount, 1, 10 ether));
        count("top up a channel", true);
    }

    function requestExit(uint256 who, uint256 fee) external watched {
        (IConsumerChannel c, uint256 key) = channelOf(who);
        IConsumerChannel.ExitRequest memory r =
            IConsumerChannel.ExitRequest(address(0), tom, within(fee, 0, 1 ether), anyNonce(), later);
        bytes memory signature = signExit(key, address(c), r);
        attempt("request exit", tom, address(c), abi.encodeCall(IConsumerChannel.requestExit, (r, signature)));
    }

    function cancelExit(uint256 who, uint256 luck) external watched {
        if (luck % 4 != 0) return;
        (IConsumerChannel c, uint256 key) = channelOf(who);
        IConsumerChannel.ExitCancel memory r = IConsumerChannel.ExitCancel(anyNonce(), later);
        bytes memory signature = signExitCancel(key, address(c), r);
        attempt("cancel exit", tom, address(c), abi.encodeCall(IConsumerChannel.cancelExit, (r, signature)));
    }

    /// @dev C16: `balance − max(0, held − settled)`, when it is due, whoever sends it.
    function finalizeExit(uint256 who) external watched {
        (IConsumerChannel c,) = channelOf(who);
        uint256 balance = balanceOf(address(c));
        uint256 liable = c.held() > c.settled() ? c.held() - c.settled() : 0;
        uint256 dueAt = c.exit().dueAt;
        bool due = dueAt != 0 && vm.getBlockTimestamp() >= dueAt && balance > liable;
        bool done = attempt("finalize exit", tom, address(c), abi.encodeCall(IConsumerChannel.finalizeExit, ()));
        if (done != due) breakRule("an exit pays when it is due");
        if (done && balanceOf(address(c)) != liable) breakRule("an exit leaves what is held");
    }

    function fastExit(uint256 who, uint256 amount) external watched {
        (IConsumerChannel c, uint256 key) = channelOf(who);
        amount = within(amount, 1, 3 ether);
        IConsumerChannel.FastExit memory r =
            IConsumerChannel.FastExit(amount, address(0), tom, amount / 10, anyNonce(), later);
        bytes memory consumers = signFastExit(key, address(c), r);
        bytes memory carols = signFastExit(operatorKey(), address(c), r);
        attempt("fast exit", tom, address(c), abi.encodeCall(IConsumerChannel.fastExit, (r, consumers, carols)));
    }
}
