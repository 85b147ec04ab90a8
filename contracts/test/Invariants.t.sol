// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {TestMystToken} from "../src/TestMystToken.sol";
import {Assert} from "./support/Assert.sol";
import {Handler} from "./support/Handler.sol";

/// @notice C1, C2, C3, C8, C9, C16: what holds after any calls in any order.
/// @dev One function, so that each call that is made is checked for all of it. The long run, a million calls, is the same
/// with `FOUNDRY_INVARIANT_RUNS=2000 FOUNDRY_INVARIANT_DEPTH=500`.
contract InvariantsTest is Assert {
    /// @dev Later in a long run every eighth call is checked: what goes wrong stays wrong, and it is three times as fast.
    uint256 private constant checkedEach = 64;

    Handler private handler;
    TestMystToken private token;
    IAccountant private accountant;
    IConsumerChannel[2] private channels;

    function setUp() public {
        handler = new Handler();
        (address t, address a, address alices, address erins) = handler.world();
        (token, accountant) = (TestMystToken(t), IAccountant(a));
        channels = [IConsumerChannel(alices), IConsumerChannel(erins)];
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev A run in which hardly anything succeeded proves nothing. A short run is a shrunk one.
    function afterInvariant() external view {
        if (handler.called() < 48) return;
        uint256 least = handler.called() / 4;
        if (handler.succeeded() < least) revert NotEqual(handler.succeeded(), least, "calls that did something");
    }

    function invariant_the_books_are_right_and_nobody_was_cheated() external view {
        if (handler.called() > checkedEach && handler.called() % 8 != 0) return;
        string memory broken = handler.broken();
        if (bytes(broken).length != 0) revert NotTrue(broken);
        moneyIsConserved();
        settledIsWithinWhatWasSigned();
        whatIsSetApartIsThere();
    }

    /// @notice C1: nobody but the known holders has anything, so nothing was made, lost or sent elsewhere.
    function moneyIsConserved() private view {
        address[] memory holders = handler.holders();
        uint256 sum;
        for (uint256 i = 0; i < holders.length; ++i) {
            sum += token.balanceOf(holders[i]);
        }
        equal(sum, token.totalSupply(), "sum of all balances");
    }

    /// @notice C2: `settled` never passes what was signed. (That it never falls is watched at each move.)
    function settledIsWithinWhatWasSigned() private view {
        address[] memory holders = handler.holders();
        for (uint256 i = 0; i < 2; ++i) {
            uint256 signed = handler.signedUpTo(address(channels[i]));
            holds(channels[i].settled() <= signed, "a channel settled no more than was signed");
            holds(channels[i].held() <= signed, "held no more than was signed");
            holds(
                accountant.providerOf(holders[i]).settled <= handler.signedUpTo(holders[i]),
                "a provider got no more than was signed or paid out"
            );
        }
    }

    /// @notice C8: what is set apart is there, the sums are the sums, and who leaves anybody uncovered is punished.
    function whatIsSetApartIsThere() private view {
        address[] memory holders = handler.holders();
        IBooks.Provider memory bobs = accountant.providerOf(holders[0]);
        IBooks.Provider memory daves = accountant.providerOf(holders[1]);
        uint256 guarantees = accountant.totalGuarantee();
        equal(accountant.totalStake(), bobs.stake + daves.stake, "sum of stakes");
        equal(guarantees, bobs.guarantee + daves.guarantee, "sum of guarantees");
        holds(bobs.guarantee <= bobs.stake && daves.guarantee <= daves.stake, "no guarantee above its stake");
        uint256 apart = accountant.operatorStake() + accountant.reserve() + accountant.totalStake() + guarantees;
        uint256 balance = token.balanceOf(address(accountant));
        holds(balance >= apart, "what is set apart is there");
        equal(accountant.freeFunds(), balance - apart, "the rest is free");
        uint256 short = (bobs.shortSince != 0 ? 1 : 0) + (daves.shortSince != 0 ? 1 : 0);
        equal(accountant.shortProviders(), short, "number of providers that are short");
        bool uncovered = short != 0 || accountant.totalStake() - guarantees > accountant.freeFunds();
        if (uncovered) {
            holds(accountant.punishedSince() != 0, "whoever leaves somebody short or uncovered is punished");
        }
    }
}

/// @notice The control: in such random play each move succeeds sometimes, so none of it is empty.
contract MovesTest is Assert {
    uint256 private constant plays = 6;
    uint256 private constant callsPerPlay = 500;
    mapping(string move => uint256) private successesOf;
    string[] private moves;

    function test_no_move_of_the_random_players_is_always_refused() public {
        uint256 seed = 7;
        for (uint256 i = 0; i < plays; ++i) {
            Handler handler = new Handler();
            for (uint256 k = 0; k < callsPerPlay; ++k) {
                seed = uint256(keccak256(abi.encode(seed)));
                play(handler, seed);
            }
            equal(bytes(handler.broken()).length, 0, handler.broken());
            add(handler);
        }
        equal(moves.length, 36, "moves");
        for (uint256 i = 0; i < moves.length; ++i) {
            holds(successesOf[moves[i]] > 2, moves[i]);
        }
    }

    function add(Handler handler) private {
        uint256 count = handler.movesSeen();
        for (uint256 i = 0; i < count; ++i) {
            string memory move = handler.moves(i);
            if (!known(move)) moves.push(move);
            successesOf[move] += handler.successesOf(move);
        }
    }

    function known(string memory move) private view returns (bool) {
        for (uint256 i = 0; i < moves.length; ++i) {
            if (keccak256(bytes(moves[i])) == keccak256(bytes(move))) return true;
        }
        return false;
    }

    function play(Handler h, uint256 seed) private {
        uint256 what = seed % 33;
        uint256 a = seed >> 8;
        uint256 b = uint256(keccak256(abi.encode(a)));
        uint256 c = b >> 128;
        if (what == 0) h.settleChannel(a, b);
        if (what == 1) h.settleTicks(a, b, c);
        if (what == 2) h.hold(a, b, c % 2 == 0);
        if (what == 3) h.collect(a, b);
        if (what == 4) h.topUpChannel(a, b);
        if (what == 5) h.requestExit(a, b);
        if (what == 6) h.cancelExit(a, b);
        if (what == 7) h.finalizeExit(a);
        if (what == 8) h.fastExit(a, b);
        if (what == 9) h.settleProvider(a, b, c % 2 == 0);
        if (what == 10) h.orderProvider(a, b, c, c % 2 == 0, c % 3 == 0);
        if (what == 11) h.settleBoth(a, b);
        if (what == 12) h.settleOnOldKey(a, b, c);
        if (what == 13) h.wishPayouts(a, c % 2 == 0, b);
        if (what == 14) h.reportShortageOf(a, b);
        if (what == 15) h.increaseStake(a, b);
        if (what == 16) h.increaseStakeWithPermit(a, b);
        if (what == 17) h.decreaseStake(a, b);
        if (what == 18) h.finalizeStakeDecrease(a);
        if (what == 19) h.rebalance(a);
        if (what == 20) h.payOut(a, b);
        if (what == 21) h.topUpCarol(a);
        if (what == 22) h.increaseOperatorStake(a);
        if (what == 23) h.updatePunishment();
        if (what == 24) h.announceWithdrawalOf(a, c % 2 == 0);
        if (what == 25) h.withdrawSome();
        if (what == 26) h.announceNextOperator(a);
        if (what == 27) h.rotateOperator();
        if (what == 28) h.malloryCopies();
        if (what == 29) h.malloryCancels(a, b);
        if (what == 30) h.closeAccountant(a);
        if (what == 31) h.announceRate(a);
        if (what == 32) c % 4 == 0 ? h.waitLong(a) : h.wait(a);
    }
}
