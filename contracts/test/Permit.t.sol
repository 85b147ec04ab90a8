// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {IStakes} from "../src/interfaces/accountant/IStakes.sol";
import {IFunds} from "../src/interfaces/IAccountant.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Stakes whose allowance is signed: EIP-2612, C10, C11.
contract PermitTest is World {
    struct Parts {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
        fund(bob, 5 ether);
    }

    function permit(uint256 amount, uint256 deadline) private view returns (Parts memory p) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typeHash, bob, address(accountant), amount, token.nonces(bob), deadline));
        (p.v, p.r, p.s) = vm.sign(bobKey, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function stake(address sender, uint256 amount, uint256 deadline, Parts memory p) private {
        vm.prank(sender);
        accountant.increaseStakeWithPermit(bob, amount, deadline, p.v, p.r, p.s);
    }

    function test_stakes_with_a_permit_and_no_allowance_before() public {
        stake(bob, 4 ether, later, permit(4 ether, later));
        equal(accountant.providerOf(bob).stake, 4 ether, "stake");
        equal(guaranteeOf(bob), 4 ether, "guarantee");
        equal(balanceOf(bob), 1 ether, "Bob");
        equal(token.allowance(bob, address(accountant)), 0, "all of it is used");
    }

    /// @notice C11: whoever sends the permit first only saves Bob's call a step.
    function test_a_permit_that_somebody_else_sent_before_still_counts() public {
        Parts memory p = permit(4 ether, later);
        vm.prank(mallory);
        token.permit(bob, address(accountant), 4 ether, later, p.v, p.r, p.s);
        stake(bob, 4 ether, later, p);
        equal(accountant.providerOf(bob).stake, 4 ether, "stake");
    }

    function test_a_copied_permit_stakes_nothing_of_bob() public {
        Parts memory p = permit(4 ether, later);
        vm.prank(mallory);
        vm.expectRevert();
        accountant.increaseStakeWithPermit(mallory, 4 ether, later, p.v, p.r, p.s);
        equal(balanceOf(bob), 5 ether, "Bob");
        stake(bob, 4 ether, later, p);
        equal(accountant.providerOf(bob).stake, 4 ether, "and his own call works");
    }

    function test_refuses_a_bad_or_late_permit_where_there_is_no_allowance() public {
        Parts memory p = permit(4 ether, later);
        p.s = bytes32(uint256(p.s) ^ 1);
        vm.expectRevert();
        stake(bob, 4 ether, later, p);
        p = permit(4 ether, block.timestamp - 1);
        vm.expectRevert();
        stake(bob, 4 ether, block.timestamp - 1, p);
        equal(accountant.totalStake(), 0, "nothing staked");
        equal(token.nonces(bob), 0, "nothing used");
    }

    function test_a_bad_permit_is_no_hindrance_where_bob_allowed_it_before() public {
        vm.prank(bob);
        token.approve(address(accountant), 4 ether);
        stake(bob, 4 ether, later, Parts(0, 0, 0));
        equal(accountant.providerOf(bob).stake, 4 ether, "stake");
    }

    function test_refuses_what_a_plain_stake_refuses() public {
        Parts memory p = permit(0, later);
        vm.expectRevert(err(IFunds.AmountZero.selector));
        stake(bob, 0, later, p);
        p = permit(5 ether, later);
        fund(bob, 100 ether);
        vm.expectRevert(err(IBooks.GuaranteeUncovered.selector, 10 ether, 11 ether));
        stake(bob, 11 ether, later, p);
    }

    function test_the_stake_may_be_another_providers() public {
        Parts memory p = permit(4 ether, later);
        vm.prank(bob);
        accountant.increaseStakeWithPermit(dave, 4 ether, later, p.v, p.r, p.s);
        equal(accountant.providerOf(dave).stake, 4 ether, "Dave's stake");
        equal(balanceOf(bob), 1 ether, "paid by Bob");
    }

    function test_the_implementation_takes_no_stake() public {
        IStakes bare = IStakes(registry.accountantImplementation());
        vm.expectRevert(err(IFunds.NotAClone.selector));
        bare.increaseStakeWithPermit(bob, 1, later, 27, 0, 0);
    }
}
