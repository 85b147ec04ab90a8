// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../../../src/interfaces/accountant/ISettlements.sol";
import {ITreasury} from "../../../src/interfaces/accountant/ITreasury.sol";
import {IRotation} from "../../../src/interfaces/accountant/IRotation.sol";
import {vm} from "../Vm.sol";
import {ProviderMoves} from "./ProviderMoves.sol";

/// @title What Carol does with both her keys.
abstract contract CarolsMoves is ProviderMoves {
    function payOut(uint256 who, uint256 amount) external watched {
        (address provider,) = providerAt(who);
        uint256 upTo = accountant.providerOf(provider).settled + within(amount, 1, 2 ether);
        if (upTo > signedUpTo[provider]) signedUpTo[provider] = upTo;
        (address[] memory providers, uint256[] memory totals) = (new address[](1), new uint256[](1));
        (providers[0], totals[0]) = (provider, upTo);
        (uint256 before, uint256 since) = (balanceOf(provider), accountant.punishedSince());
        uint256 missing = accountant.totalStake() - accountant.totalGuarantee();
        vm.prank(accountant.operator());
        accountant.payout(providers, totals);
        count("payout", balanceOf(provider) > before);
        if (balanceOf(provider) == before) return;
        if (since != 0) breakRule("a payout in punishment");
        if (missing > accountant.freeFunds()) breakRule("a payout took what a guarantee lacks");
    }

    /// @dev A little, or all that she owes.
    function topUpCarol(uint256 amount) external watched {
        uint256 owed = accountant.totalStake() - accountant.totalGuarantee();
        owed += signedUpTo[bob] - accountant.providerOf(bob).settled;
        owed += signedUpTo[dave] - accountant.providerOf(dave).settled;
        fund(address(accountant), amount % 3 == 0 ? owed + 10 ether : within(amount, 1, 8 ether));
        count("top up Carol", true);
    }

    function increaseOperatorStake(uint256 amount) external watched {
        bytes memory data = abi.encodeCall(ITreasury.increaseOperatorStake, (within(amount, 1, 1 ether)));
        attempt("operator stake", carolsOwner, address(accountant), data);
    }

    function updatePunishment() external watched {
        attempt("update punishment", tom, address(accountant), abi.encodeCall(ITreasury.updatePunishment, ()));
    }

    function announceWithdrawalOf(uint256 amount, bool soon) external watched {
        amount = within(amount, 1, 10 ether);
        bytes memory data = abi.encodeCall(ITreasury.announceWithdrawal, (amount, treasury));
        attempt("announce withdrawal", carolsOwner, address(accountant), data);
        if (soon) pass(exitDelay);
    }

    function withdrawSome() external watched {
        uint256 since = accountant.punishedSince();
        uint256 missing = accountant.totalStake() - accountant.totalGuarantee();
        uint256 held = accountant.totalStake() + accountant.totalGuarantee();
        bool done = attempt("withdraw", carolsOwner, address(accountant), abi.encodeCall(ITreasury.withdraw, ()));
        if (!done) return;
        if (since != 0) breakRule("a withdrawal in punishment");
        if (missing > accountant.freeFunds()) breakRule("a withdrawal took what a guarantee lacks");
        if (accountant.totalStake() + accountant.totalGuarantee() != held) {
            breakRule("a withdrawal took providers' money");
        }
    }

    function announceNextOperator(uint256 luck) external watched {
        if (luck % 2 == 0) return;
        bytes memory data = abi.encodeCall(IRotation.announceRotation, (vm.addr(keyOf(accountant.rotations() + 2))));
        attempt("announce rotation", carolsOwner, address(accountant), data);
    }

    function rotateOperator() external watched {
        attempt("rotate", tom, address(accountant), abi.encodeCall(IRotation.rotate, ()));
    }

    /// @dev Seldom: afterwards nobody can stake any more.
    function closeAccountant(uint256 luck) external watched {
        if (luck % 24 != 0) return;
        attempt("close", carolsOwner, address(accountant), abi.encodeCall(ITreasury.close, ()));
    }

    function announceRate(uint256 rate) external watched {
        attempt(
            "announce rate", carolsOwner, address(accountant), abi.encodeCall(ITreasury.announceFeeRate, (rate % 6000))
        );
    }
}
