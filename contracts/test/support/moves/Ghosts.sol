// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../../../src/interfaces/accountant/IBooks.sol";
import {IConsumerChannel} from "../../../src/interfaces/IConsumerChannel.sol";
import {TickChain} from "../TickChain.sol";
import {vm} from "../Vm.sol";
import {World} from "../World.sol";

/// @title What a random player remembers: what was signed, what succeeded, and the first rule that it saw broken.
/// @dev A move may be refused. It is counted by its name, so that no move is one that never succeeds.
abstract contract Ghosts is World, TickChain {
    uint256 internal constant erinKey = 0xe21;
    address internal immutable erin = vm.addr(erinKey);

    uint256 public called;
    uint256 public succeeded;
    string[] public moves;
    mapping(string move => uint256) public attemptsOf;
    mapping(string move => uint256) public successesOf;
    /// @dev Empty as long as all is well.
    string public broken;

    IConsumerChannel internal erins;
    /// @dev The highest amounts ever signed, by channel or provider; for a provider also what it was paid out up to.
    mapping(address who => uint256) public signedUpTo;
    /// @dev By provider and rotation: its guarantee then, and what promises of that replaced key were paid since.
    mapping(address provider => mapping(uint256 rotation => uint256)) internal guaranteeAt;
    mapping(address provider => mapping(uint256 rotation => uint256)) internal paidOnOld;

    /// @dev What a provider was left short of, since when, and how many keys were replaced by then.
    struct Short {
        uint256 upTo;
        uint256 since;
        uint256 rotations;
    }

    mapping(address provider => Short) private shorts;
    uint256 private rotationsSeen;

    address private lastTarget;
    bytes private lastData;

    /// @dev Around each move: what a provider has may only change for that provider's good, or by its own will.
    modifier watched() {
        ++called;
        (int256 bobs, int256 daves) = (covered(bob), covered(dave));
        (uint256 ofAlice, uint256 ofErin) = (channel.settled(), erins.settled());
        _;
        watchRotation();
        watchShort(bob);
        watchShort(dave);
        if (covered(bob) < bobs || covered(dave) < daves) breakRule("C9: a guarantee fell without a payment");
        if (channel.settled() < ofAlice || erins.settled() < ofErin) breakRule("C2: a channel's settled fell");
        if (balanceOf(mallory) != 0) breakRule("C12: Mallory earned something");
    }

    /// @dev What was paid, less what the guarantee lacks: a payment moves the one as the other, and nothing else may
    /// lower their sum.
    function covered(address provider) private view returns (int256) {
        IBooks.Provider memory p = accountant.providerOf(provider);
        return int256(p.settled) - int256(p.stake - p.guarantee);
    }

    /// @dev A rotation changes no guarantee, whoever sends it: what it is right afterwards is what it was.
    function watchRotation() private {
        uint256 rotation = accountant.rotations();
        if (rotation == rotationsSeen) return;
        rotationsSeen = rotation;
        (guaranteeAt[bob][rotation], guaranteeAt[dave][rotation]) = (guaranteeOf(bob), guaranteeOf(dave));
    }

    /// @dev C9: who is short stays so, since the same moment, until it is paid all of that; what is drawn for it waits for
    /// that moment. A replaced key's promise leaves nobody short for ever.
    function watchShort(address provider) private {
        Short storage short = shorts[provider];
        if (short.since == 0) return;
        IBooks.Provider memory p = accountant.providerOf(provider);
        if (p.settled >= short.upTo || short.rotations != accountant.rotations()) delete shorts[provider];
        else if (p.shortSince != short.since) breakRule("C9: the clock of a short provider was moved");
    }

    /// @dev To be called after a settlement of the operator's promise, inside of the move.
    function noteShort(address provider, uint256 amount) internal {
        IBooks.Provider memory p = accountant.providerOf(provider);
        if (p.shortSince == 0 || p.settled >= amount) return;
        if (shorts[provider].upTo < amount) shorts[provider].upTo = amount;
        (shorts[provider].since, shorts[provider].rotations) = (p.shortSince, accountant.rotations());
    }

    function breakRule(string memory rule) internal {
        if (bytes(broken).length == 0) broken = rule;
    }

    function attempt(string memory move, address sender, address target, bytes memory data)
        internal
        returns (bool done)
    {
        vm.prank(sender);
        (done,) = target.call(data);
        count(move, done);
        (lastTarget, lastData) = (target, data);
    }

    function count(string memory move, bool done) internal {
        if (attemptsOf[move]++ == 0) moves.push(move);
        if (!done) return;
        ++successesOf[move];
        ++succeeded;
    }

    /// @dev What was sent last, by Mallory, who has nothing.
    function copyLast() internal {
        if (lastTarget == address(0)) return;
        vm.prank(mallory);
        (bool done,) = lastTarget.call(lastData);
        count("copy", done);
    }

    function operatorKey() internal view returns (uint256) {
        return keyOf(accountant.rotations() + 1);
    }

    /// @return the key that the rotation replaced, or will replace.
    function keyOf(uint256 rotation) internal pure returns (uint256) {
        return rotation == 1 ? carolKey : newKey + rotation - 2;
    }

    function movesSeen() external view returns (uint256) {
        return moves.length;
    }
}
