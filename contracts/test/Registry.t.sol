// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {ITreasury} from "../src/interfaces/accountant/ITreasury.sol";
import {IAccountant, IFunds} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice W16, W18, W26, W33, C11, C12, C14, C15.
contract RegistryTest is World {
    uint256 private constant fee = 0.05 ether;

    function registration() private view returns (IRegistry.Registration memory) {
        return IRegistry.Registration(alice, address(accountant), address(0), tom, fee, 1, later);
    }

    function register(address sender, IRegistry.Registration memory r) private returns (address) {
        bytes memory signature = signRegistration(aliceKey, address(registry), r);
        vm.prank(sender);
        return registry.registerIdentity(r, signature);
    }

    function refuse(address sender, IRegistry.Registration memory r, bytes memory reason) private {
        bytes memory signature = signRegistration(aliceKey, address(registry), r);
        vm.prank(sender);
        vm.expectRevert(reason);
        registry.registerIdentity(r, signature);
    }

    // Deployment

    function test_refuses_a_registration_fee_above_one_token() public {
        vm.expectRevert(err(IRegistry.FeeAboveMaximum.selector, 1 ether, 1 ether + 1));
        newRegistry(IRegistry.Terms(treasury, 1 ether + 1, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
    }

    function test_refuses_delays_of_zero_and_beyond_ten_years() public {
        vm.expectRevert(err(IRegistry.DelayOutOfRange.selector, 0));
        newRegistry(IRegistry.Terms(treasury, 0, 0, 0, rateNotice, rotationNotice, closingDelay));
        vm.expectRevert(err(IRegistry.DelayOutOfRange.selector, 3650 days + 1));
        newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, 3650 days + 1, rotationNotice, closingDelay));
    }

    // Identities

    function test_refuses_a_registration_with_an_unknown_accountant() public {
        IRegistry.Registration memory r = registration();
        r.accountant = bob;
        refuse(tom, r, err(IRegistry.UnknownAccountant.selector, bob));
    }

    function test_refuses_a_second_registration() public {
        fund(address(channel), 5 ether);
        register(tom, registration());
        IRegistry.Registration memory again = registration();
        again.nonce = 2;
        refuse(tom, again, err(IRegistry.AlreadyRegistered.selector, alice));
        refuse(tom, registration(), err(IRegistry.AlreadyRegistered.selector, alice));
    }

    function test_refuses_fees_above_the_maximum(uint256 tooMuch) public {
        fund(address(channel), 5 ether);
        uint256 most = registry.maxRegistrationFee() - registrationFee;
        vm.assume(tooMuch > most);
        IRegistry.Registration memory r = registration();
        r.fee = tooMuch;
        refuse(tom, r, err(IRegistry.FeeAboveMaximum.selector, most, tooMuch));
    }

    function test_refuses_a_registration_after_its_deadline() public {
        fund(address(channel), 5 ether);
        IRegistry.Registration memory r = registration();
        r.deadline = block.timestamp - 1;
        refuse(tom, r, err(ISigned.DeadlinePassed.selector, r.deadline, block.timestamp));
        r.deadline = block.timestamp;
        register(tom, r);
    }

    function test_refuses_a_fee_without_a_payee() public {
        IRegistry.Registration memory r = registration();
        r.transactor = address(0);
        refuse(tom, r, err(ISigned.FeeWithoutTransactor.selector, fee));
    }

    function test_refuses_a_copied_registration_from_another_sender() public {
        fund(address(channel), 5 ether);
        refuse(mallory, registration(), err(ISigned.NotTransactor.selector, tom, mallory));
    }

    function test_refuses_a_registration_signed_by_another() public {
        fund(address(channel), 5 ether);
        IRegistry.Registration memory r = registration();
        bytes memory signature = signRegistration(bobKey, address(registry), r);
        vm.prank(tom);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        registry.registerIdentity(r, signature);
    }

    function test_refuses_a_registration_with_any_field_changed() public {
        fund(address(channel), 5 ether);
        bytes memory signature = signRegistration(aliceKey, address(registry), registration());
        for (uint256 field = 0; field < 4; ++field) {
            IRegistry.Registration memory r = registration();
            if (field == 0) r.beneficiary = mallory;
            if (field == 1) r.fee -= 1;
            if (field == 2) r.nonce += 1;
            if (field == 3) r.deadline -= 1;
            vm.prank(tom);
            vm.expectPartialRevert(ISigned.WrongSigner.selector);
            registry.registerIdentity(r, signature);
        }
    }

    function test_refuses_a_cancelled_registration() public {
        fund(address(channel), 5 ether);
        vm.prank(alice);
        registry.cancelNonce(1);
        refuse(tom, registration(), err(ISigned.NonceUsed.selector, alice, 1));
    }

    function test_refuses_a_registration_its_channel_cannot_pay() public {
        fund(address(channel), registrationFee + fee - 1);
        refuse(
            tom,
            registration(),
            err(IConsumerChannel.BalanceTooLow.selector, registrationFee + fee - 1, registrationFee + fee)
        );
        holds(!registry.isRegistered(alice), "nothing is left of it");
        equal(address(channel).code.length, 0, "no channel either");
        fund(address(channel), 1);
        register(tom, registration());
    }

    function test_registers_and_opens_the_channel_at_the_predicted_address() public {
        fund(address(channel), 5 ether);
        vm.expectEmit(address(registry));
        emit IRegistry.IdentityRegistered(alice, address(accountant), alice, tom, fee);
        vm.expectEmit(address(registry));
        emit IRegistry.ChannelOpened(alice, address(accountant), address(channel));
        vm.expectEmit(address(channel));
        emit IConsumerChannel.RegistrationPaid(registrationFee, tom, fee);
        equal(register(tom, registration()), address(channel), "address");

        holds(registry.isRegistered(alice), "registered");
        equal(registry.beneficiaryOf(alice), alice, "beneficiary");
        equal(balanceOf(treasury), registrationFee, "registration fee");
        equal(balanceOf(tom), fee, "transactor's fee");
        equal(balanceOf(address(channel)), 5 ether - registrationFee - fee, "channel");
        equal(channel.identity(), alice, "identity");
        equal(channel.accountant(), address(accountant), "accountant");
    }

    function test_registers_also_if_strangers_opened_and_funded_the_channel_before() public {
        fund(address(channel), 1 ether);
        vm.prank(mallory);
        registry.openChannel(alice, address(accountant));
        fund(address(channel), 1);
        // A stranger's own registration takes nothing of Alice's.
        vm.prank(mallory);
        registry.cancelNonce(1);
        register(tom, registration());
        holds(registry.isRegistered(alice), "registered");
    }

    function test_registers_by_anybody_where_no_transactor_is_named() public {
        fund(address(channel), 1 ether);
        IRegistry.Registration memory r = registration();
        (r.transactor, r.fee, r.beneficiary) = (address(0), 0, bob);
        register(mallory, r);
        equal(registry.beneficiaryOf(alice), bob, "beneficiary");
        equal(balanceOf(mallory), 0, "the sender gets nothing");
    }

    function test_burns_the_fee_where_nobody_is_to_have_it() public {
        registry = newRegistry(
            IRegistry.Terms(address(0), registrationFee, 0, exitDelay, rateNotice, rotationNotice, closingDelay)
        );
        accountant = IAccountant(newAccountant(carolsOwner, carol));
        fund(registry.channelAddress(alice, address(accountant)), 1 ether);
        register(tom, registration());
        equal(balanceOf(0x000000000000000000000000000000000000dEaD), registrationFee, "burnt");
    }

    // Beneficiaries

    function test_refuses_a_beneficiary_change_of_an_unregistered_identity() public {
        IRegistry.BeneficiaryChange memory change = IRegistry.BeneficiaryChange(alice, bob, 1, later);
        bytes memory signature = signBeneficiaryChange(aliceKey, address(registry), change);
        vm.expectRevert(err(IRegistry.NotRegistered.selector, alice));
        registry.changeBeneficiary(change, signature);
    }

    function test_changes_the_beneficiary_once_per_signature() public {
        fund(address(channel), 1 ether);
        register(tom, registration());
        IRegistry.BeneficiaryChange memory change = IRegistry.BeneficiaryChange(alice, bob, 2, later);
        bytes memory signature = signBeneficiaryChange(bobKey, address(registry), change);
        vm.expectRevert(err(ISigned.WrongSigner.selector, alice, bob));
        registry.changeBeneficiary(change, signature);

        signature = signBeneficiaryChange(aliceKey, address(registry), change);
        vm.expectEmit(address(registry));
        emit IRegistry.BeneficiaryChanged(alice, bob);
        registry.changeBeneficiary(change, signature);
        equal(registry.beneficiaryOf(alice), bob, "changed");
        vm.expectRevert(err(ISigned.NonceUsed.selector, alice, 2));
        registry.changeBeneficiary(change, signature);

        change = IRegistry.BeneficiaryChange(alice, address(0), 3, block.timestamp - 1);
        vm.expectPartialRevert(ISigned.DeadlinePassed.selector);
        registry.changeBeneficiary(change, signature);
        change.deadline = later;
        registry.changeBeneficiary(change, signBeneficiaryChange(aliceKey, address(registry), change));
        equal(registry.beneficiaryOf(alice), alice, "zero means the identity");
        holds(registry.isRegistered(alice), "and stays registered");
    }

    // Channels

    function test_refuses_to_open_a_channel_of_nobody() public {
        vm.expectRevert(err(IRegistry.IdentityZero.selector));
        registry.openChannel(address(0), address(accountant));
        vm.expectRevert(err(IRegistry.UnknownAccountant.selector, address(0)));
        registry.openChannel(alice, address(0));
    }

    function test_opening_twice_changes_nothing() public {
        equal(registry.openChannel(alice, address(accountant)), address(channel), "first");
        equal(registry.openChannel(alice, address(accountant)), address(channel), "second");
    }

    function test_channels_are_where_they_were_predicted(address identity, address anyAccountant) public {
        vm.assume(identity != address(0) && anyAccountant != address(0));
        bytes memory pair = abi.encodePacked(identity, anyAccountant);
        bytes memory code = abi.encodePacked(
            hex"363d3d373d3d3d363d73", registry.channelImplementation(), hex"5af43d82803e903d91602b57fd5bf3", pair
        );
        bytes32 initHash = keccak256(abi.encodePacked(hex"6100553d81600a3d39f3", code));
        address predicted = address(
            uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(registry), keccak256(pair), initHash))))
        );
        fund(predicted, 1 ether);
        equal(registry.channelAddress(identity, anyAccountant), predicted, "announced");
        equal(registry.openChannel(identity, anyAccountant), predicted, "deployed");
        equal(keccak256(predicted.code), keccak256(code), "code");
        equal(IConsumerChannel(predicted).identity(), identity, "identity");
        equal(IConsumerChannel(predicted).accountant(), anyAccountant, "accountant");
        equal(balanceOf(predicted), 1 ether, "money sent before is there");
    }

    function test_money_of_a_channel_with_an_unregistered_accountant_can_leave() public {
        channel = IConsumerChannel(registry.channelAddress(alice, bob));
        fund(address(channel), 3 ether);
        registry.openChannel(alice, bob);
        IConsumerChannel.ExitRequest memory r = IConsumerChannel.ExitRequest(address(0), address(0), 0, 1, later);
        channel.requestExit(r, signExit(aliceKey, address(channel), r));
        vm.warp(block.timestamp + exitDelay);
        channel.finalizeExit();
        equal(balanceOf(alice), 3 ether, "back");
    }

    function test_implementations_can_do_nothing() public {
        IConsumerChannel bare = IConsumerChannel(registry.channelImplementation());
        fund(address(bare), 1 ether);
        IConsumerChannel.ExitRequest memory exit;
        IConsumerChannel.ExitCancel memory cancel;
        IConsumerChannel.FastExit memory fast;
        bytes4 notAClone = IConsumerChannel.NotAClone.selector;
        vm.expectRevert(notAClone);
        bare.settle(1, 0, 0, "");
        vm.expectRevert(notAClone);
        bare.hold(1, 0, 0, "");
        vm.expectRevert(notAClone);
        bare.requestExit(exit, "");
        vm.expectRevert(notAClone);
        bare.cancelExit(cancel, "");
        vm.expectRevert(notAClone);
        bare.finalizeExit();
        vm.expectRevert(notAClone);
        bare.fastExit(fast, "", "");
        vm.expectRevert(notAClone);
        bare.recoverNative(mallory);
        vm.expectRevert(notAClone);
        bare.recoverToken(address(1), mallory);
        vm.prank(address(registry));
        vm.expectRevert(notAClone);
        bare.payRegistration(mallory, 1, mallory, 0);
        vm.expectRevert(notAClone);
        bare.identity();

        IAccountant bareAccountant = IAccountant(registry.accountantImplementation());
        vm.prank(address(registry));
        vm.expectRevert(IFunds.NotAClone.selector);
        bareAccountant.initialize(mallory, mallory, 0, 0);
        vm.expectRevert(IFunds.NotAClone.selector);
        bareAccountant.increaseStake(bob, 1);
        vm.expectRevert(err(ITreasury.NotOwner.selector, mallory));
        vm.prank(mallory);
        bareAccountant.withdraw();
    }

    // Accountants

    function test_refuses_an_accountant_without_operator_stake_or_sensible_terms() public {
        vm.expectRevert(err(IRegistry.OperatorZero.selector));
        registry.registerAccountant(address(0), 10 ether, 0, "");
        vm.expectRevert(err(IRegistry.StakeTooLow.selector, 10 ether, 10 ether - 1));
        registry.registerAccountant(bob, 10 ether - 1, 0, "");
        vm.expectRevert(err(IRegistry.UrlTooLong.selector, 256, 257));
        registry.registerAccountant(bob, 10 ether, 0, string(new bytes(257)));
        vm.expectRevert(err(ITreasury.FeeRateTooHigh.selector, 5000, 5001));
        registry.registerAccountant(bob, 10 ether, 5001, "");
        // No allowance: the token refuses.
        vm.expectRevert();
        registry.registerAccountant(bob, 10 ether, 0, "");
        holds(!registry.isAccountant(registry.accountantAddress(address(this), bob)), "nothing is left of it");
    }

    function test_refuses_the_same_accountant_twice() public {
        fund(carolsOwner, 10 ether);
        vm.prank(carolsOwner);
        token.approve(address(registry), 10 ether);
        vm.prank(carolsOwner);
        vm.expectRevert(err(IRegistry.AccountantAlreadyRegistered.selector, address(accountant)));
        registry.registerAccountant(carol, 10 ether, 0, "");
    }

    function test_registers_an_accountant_at_its_predicted_address() public view {
        equal(registry.accountantAddress(carolsOwner, carol), address(accountant), "address");
        holds(registry.isAccountant(address(accountant)), "known");
        equal(accountant.owner(), carolsOwner, "owner");
        equal(accountant.operator(), carol, "operator");
        equal(accountant.operatorStake(), carolsStake, "stake");
        equal(balanceOf(address(accountant)), carolsStake, "stake arrived");
        equal(accountant.feeRate(), 2000, "rate");
        equal(accountant.freeFunds(), 0, "nothing is free");
        equal(keccak256(bytes(registry.urlOf(address(accountant)))), keccak256("http://carol.example"), "url");
    }

    function test_nobody_takes_an_accountants_place_by_naming_its_operator() public {
        address fake = newAccountant(mallory, carol);
        holds(fake != address(accountant), "another address");
        equal(accountant.owner(), carolsOwner, "owner");
    }

    function test_initializes_once_and_by_the_registry_only() public {
        vm.expectRevert(err(IAccountant.NotRegistry.selector, mallory));
        vm.prank(mallory);
        accountant.initialize(mallory, mallory, 0, 0);
        vm.expectRevert(err(IBooks.AlreadyInitialized.selector));
        vm.prank(address(registry));
        accountant.initialize(mallory, mallory, 0, 0);
    }

    function urlChange(address whose, string memory url, uint256 nonce)
        private
        pure
        returns (IRegistry.UrlChange memory)
    {
        return IRegistry.UrlChange(whose, url, nonce, later);
    }

    function changeUrl(uint256 key, IRegistry.UrlChange memory change, bytes memory reason) private {
        bytes memory signature = signUrlChange(key, address(registry), change);
        if (reason.length != 0) vm.expectRevert(reason);
        vm.prank(mallory);
        registry.changeUrl(change, signature);
    }

    function test_changes_the_url_that_the_operator_signed_and_no_other() public {
        changeUrl(carolKey, urlChange(bob, "x", 1), err(IRegistry.UnknownAccountant.selector, bob));
        changeUrl(
            carolKey,
            urlChange(address(accountant), string(new bytes(300)), 1),
            err(IRegistry.UrlTooLong.selector, 256, 300)
        );
        changeUrl(bobKey, urlChange(address(accountant), "x", 1), err(ISigned.WrongSigner.selector, carol, bob));
        changeUrl(carolKey, urlChange(address(accountant), "http://new.example", 1), "");
        equal(keccak256(bytes(registry.urlOf(address(accountant)))), keccak256("http://new.example"), "url");
        changeUrl(
            carolKey, urlChange(address(accountant), "http://old.example", 1), err(ISigned.NonceUsed.selector, carol, 1)
        );
        IRegistry.UrlChange memory late = urlChange(address(accountant), "http://late.example", 2);
        late.deadline = block.timestamp - 1;
        changeUrl(carolKey, late, err(ISigned.DeadlinePassed.selector, block.timestamp - 1, block.timestamp));
    }

    function test_a_provider_needs_no_registration_to_be_its_own_beneficiary() public view {
        equal(registry.beneficiaryOf(bob), bob, "default");
    }
}
