// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {ISigned} from "../../src/interfaces/ISigned.sol";
import {CarolsMoves} from "./moves/CarolsMoves.sol";
import {ConsumerMoves} from "./moves/ConsumerMoves.sol";
import {vm} from "./Vm.sol";

/// @title Everybody acts at random: honest, greedy, thieving and careless calls in any order.
/// @dev Alice and Erin consume, Bob and Dave provide, Carol has two keys, Tom sends, Mallory copies and disturbs.
contract Handler is ConsumerMoves, CarolsMoves {
    uint256 private constant plenty = 1_000_000 ether;

    constructor() {
        setUp();
        openAlice(20 ether);
        erins = IConsumerChannel(registry.openChannel(erin, address(accountant)));
        fund(address(erins), 10 ether);
        fund(address(accountant), 30 ether);
        address[3] memory stakers = [bob, dave, carolsOwner];
        for (uint256 i = 0; i < 3; ++i) {
            fund(stakers[i], plenty);
            vm.prank(stakers[i]);
            token.approve(address(accountant), type(uint256).max);
        }
        wish(bobKey, false, true);
        wish(daveKey, true, true);
    }

    /// @dev Once only: forge calls every public function of a handler.
    function setUp() public override {
        if (address(token) == address(0)) super.setUp();
    }

    function wait(uint256 time) external watched {
        pass(within(time, 1 hours, 5 days));
        count("wait", true);
    }

    function waitLong(uint256 time) external watched {
        if (time % 2 == 0) return;
        pass(within(time, 5 days, 30 days));
        count("wait long", true);
    }

    function malloryCopies() external watched {
        copyLast();
    }

    function malloryCancels(uint256 nonce, uint256 where) external watched {
        address target = [address(registry), address(accountant), address(channel)][where % 3];
        attempt("Mallory cancels", mallory, target, abi.encodeCall(ISigned.cancelNonce, (nonce)));
    }

    // What the invariants look at

    function world() external view returns (address, address, address, address) {
        return (address(token), address(accountant), address(channel), address(erins));
    }

    function holders() external view returns (address[] memory all) {
        all = new address[](12);
        (all[0], all[1], all[2], all[3]) = (bob, dave, alice, erin);
        (all[4], all[5], all[6], all[7]) = (tom, treasury, carolsOwner, address(accountant));
        (all[8], all[9], all[10], all[11]) = (address(channel), address(erins), carol, mallory);
    }
}
