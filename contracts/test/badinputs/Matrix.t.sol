// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccountant} from "../../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../../src/interfaces/IConsumerChannel.sol";
import {Stage} from "../support/Stage.sol";
import {vm} from "../support/Vm.sol";

/// @notice K79: every function, called with its best arguments by everybody, in every status.
contract MatrixTest is Stage {
    function test_fresh() public {
        beFresh();
        check(0);
    }

    function test_funded() public {
        check(1);
    }

    function test_exit_pending() public {
        requestExitOfAlice();
        check(2);
    }

    function test_exit_due() public {
        requestExitOfAlice();
        pass(exitDelay);
        check(3);
    }

    function test_punished() public {
        settleFor(frank, carolKey, 500 ether);
        check(4);
    }

    function test_closed() public {
        close();
        check(5);
    }

    function test_rotated() public {
        accountant.rotate();
        check(6);
    }

    function test_implementation() public {
        for (uint256 i = 0; i < calls.length; ++i) {
            address t = calls[i].target;
            if (t == address(accountant)) calls[i].target = registry.accountantImplementation();
            else if (t != address(registry)) calls[i].target = registry.channelImplementation();
        }
        check(7);
    }

    /// @dev A new network, in which nobody has anything yet.
    function beFresh() private {
        registry = newRegistry();
        accountant = IAccountant(newAccountant(carolsOwner, carol));
        channel = IConsumerChannel(registry.openChannel(alice, address(accountant)));
        erins = IConsumerChannel(registry.openChannel(erin, address(accountant)));
        delete calls;
        writeCalls();
    }

    function check(uint256 column) private {
        (uint256 clean, bytes32 before) = (vm.snapshotState(), seen());
        string[44] memory rows = expected();
        equal(calls.length, rows.length, "a row for each function");
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes memory name = bytes(calls[i].name);
            bytes memory marks = row(calls[i], clean, before);
            for (uint256 c = 0; c < name.length; ++c) {
                holds(bytes(rows[i])[c] == name[c], calls[i].name);
            }
            for (uint256 c = 0; c < 6; ++c) {
                if (bytes(rows[i])[25 + 7 * column + c] != marks[c]) {
                    revert NotTrue(string.concat(calls[i].name, " ", string(marks)));
                }
            }
        }
    }

    /// @dev Six characters: a stranger, the identity, the operator, the owner, the registry, the contract itself.
    function row(Call memory c, uint256 clean, bytes32 before) private returns (bytes memory marks) {
        address[6] memory senders = [mallory, c.identity, carol, carolsOwner, address(registry), c.target];
        marks = new bytes(6);
        for (uint256 i = 0; i < 6; ++i) {
            marks[i] = "-";
            // Whoever is refused changes nothing: the machine sees to that.
            if (!send(senders[i], c)) continue;
            marks[i] = seen() == before ? bytes1(".") : bytes1("+");
            vm.revertToState(clean);
        }
    }

    /// @dev `+` has an effect, `.` has none, `-` is refused. The last column is the implementation behind the clones;
    /// the registry has none.
    function expected() private pure returns (string[44] memory) {
        return [
            //                        fresh  funded pendin due    punish closed rotate implem
            "registerIdentity         ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++",
            "openChannel              ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++",
            "registerAccountant       ------ -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+--",
            "changeBeneficiary        ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++",
            "changeUrl                ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------ ++++++",
            "cancelNonce              .++... .++... .++... .++... .++... .++... .++... .++...",
            "settle                   ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "hold                     ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "settleTicks              ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "holdTicks                ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "recoverToken             -.---- -+---- -+---- -+---- -+---- -+---- -+---- ------",
            "recoverNative            -.---- -+---- -+---- -+---- -+---- -+---- -+---- ------",
            "payRegistration          ------ ----+- ----+- ----+- ----+- ----+- ----+- ------",
            "cancelNonce              .+.... .+.... .+.... .+.... .+.... .+.... .+.... ......",
            "requestExit              ++++++ ++++++ ------ ------ ++++++ ++++++ ++++++ ------",
            "fastExit                 ------ ++++++ ++++++ ++++++ ++++++ ++++++ ------ ------",
            "cancelExit               ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "finalizeExit             ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "settle                   ------ -++--- -++--- -++--- -++--- -++--- -+---- ------",
            "settleWithOrder          ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "settleMany               ...... .++... .++... .++... .++... .++... .+.... ------",
            "collect                  ...... ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "payout                   --.--- --+--- --+--- --+--- --.--- --+--- ------ ------",
            "reportShortage           ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------ ------",
            "changeSettleWish         ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "cancelNonce              .+.... .+.... .+.... .+.... .+.... .+.... .+.... ......",
            "increaseStake            ------ -+-+-- -+-+-- -+-+-- ------ ------ -+-+-- ------",
            "increaseStakeWithPermit  ------ -+-+-- -+-+-- -+-+-- ------ ------ -+-+-- ------",
            "decreaseStake            ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "finalizeStakeDecrease    ------ ++++++ ++++++ ++++++ ++++++ ++++++ ++++++ ------",
            "rebalance                ------ ++++++ ++++++ ++++++ ------ ++++++ ++++++ ------",
            "increaseOperatorStake    ------ -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------",
            "updatePunishment         ...... ...... ...... ...... ...... ...... ...... ------",
            "announceWithdrawal       -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------",
            "cancelWithdrawal         ------ -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------",
            "withdraw                 ------ -+-+-- -+-+-- -+-+-- ------ ------ -+-+-- ------",
            "close                    -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------ -+-+-- ------",
            "announceFeeRate          -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------",
            "announceRotation         -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------",
            "cancelRotation           ------ -+-+-- -+-+-- -+-+-- -+-+-- -+-+-- ------ ------",
            "rotate                   ------ ++++++ ++++++ ++++++ ++++++ ++++++ ------ ------",
            "initialize               ------ ------ ------ ------ ------ ------ ------ ------",
            "settleOne                ------ -----+ -----+ -----+ -----+ -----+ ------ ------",
            "payoutOne                ------ -----+ -----+ -----+ ------ -----+ -----+ ------"
        ];
    }
}
