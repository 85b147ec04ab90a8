// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {TestMystToken} from "../src/TestMystToken.sol";
import {Assert} from "./support/Assert.sol";
import {Handler} from "./support/Handler.sol";

/// @notice C1, C2, C8: what holds after any calls in any order.
contract InvariantsTest is Assert {
    Handler private handler;
    TestMystToken private token;
    IAccountant private accountant;
    IConsumerChannel private channel;
    uint256 private settledBefore;

    function setUp() public {
        handler = new Handler();
        (address t, address a, address c) = handler.world();
        (token, accountant, channel) = (TestMystToken(t), IAccountant(a), IConsumerChannel(c));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev A run in which hardly anything succeeds proves nothing. A short run is a shrunk one.
    function afterInvariant() external view {
        if (handler.called() < 48) return;
        if (handler.succeeded() < 16) revert NotEqual(handler.succeeded(), 16, "calls that did something");
    }

    /// @notice C1: nobody but the known holders has anything, so nothing was made, lost or sent elsewhere.
    function invariant_money_is_conserved() external view {
        address[] memory holders = handler.holders();
        uint256 sum;
        for (uint256 i = 0; i < holders.length; ++i) {
            sum += token.balanceOf(holders[i]);
        }
        equal(sum, token.totalSupply(), "sum of all balances");
    }

    /// @notice C2: `settled` never falls, and never passes what was signed.
    function invariant_settled_only_grows_within_what_was_signed() external {
        uint256 settled = channel.settled();
        holds(settled >= settledBefore, "channel's settled never falls");
        settledBefore = settled;
        holds(settled <= handler.promisedByAlice(), "channel settled no more than Alice signed");
        holds(channel.held() <= handler.promisedByAlice(), "held no more than Alice signed");
        holds(
            accountant.providerOf(handler.dave()).settled <= handler.promisedTo(handler.dave()),
            "Dave got no more than Carol signed"
        );
    }

    /// @notice C8: what is set apart is there, and the sums are the sums.
    function invariant_what_is_set_apart_is_there() external view {
        address[] memory holders = handler.holders();
        IBooks.Provider memory bobs = accountant.providerOf(holders[0]);
        IBooks.Provider memory daves = accountant.providerOf(holders[1]);
        equal(accountant.totalStake(), uint256(bobs.stake) + daves.stake, "sum of stakes");
        equal(accountant.totalGuarantee(), uint256(bobs.guarantee) + daves.guarantee, "sum of guarantees");
        holds(bobs.guarantee <= bobs.stake && daves.guarantee <= daves.stake, "no guarantee above its stake");
        uint256 apart =
            accountant.operatorStake() + accountant.reserve() + accountant.totalStake() + accountant.totalGuarantee();
        holds(token.balanceOf(address(accountant)) >= apart, "what is set apart is there");
        holds(accountant.operatorStake() + accountant.reserve() <= 100 ether, "nobody added to what backs guarantees");
        uint256 short = (bobs.shortSince != 0 ? 1 : 0) + (daves.shortSince != 0 ? 1 : 0);
        equal(accountant.shortProviders(), short, "number of providers that are short");
        if (short != 0) holds(accountant.punishedSince() != 0, "whoever leaves somebody short is punished");
    }
}
