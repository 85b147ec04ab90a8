// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IBooks} from "../src/interfaces/accountant/IBooks.sol";
import {IChannelBooks} from "../src/interfaces/IChannelBooks.sol";
import {ICollection} from "../src/interfaces/accountant/ICollection.sol";
import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {ISigned} from "../src/interfaces/ISigned.sol";
import {Attempt} from "../src/lib/Attempt.sol";
import {TestMystToken} from "../src/TestMystToken.sol";
import {CallingToken} from "./support/Tokens.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @notice Settling to providers: C3, C4, C11, C13, W20, W25, W32.
contract ProviderSettlingTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
    }

    function test_refuses_a_settlement_sent_by_a_stranger() public {
        bytes memory signature = promiseOf(1 ether);
        vm.prank(mallory);
        vm.expectRevert(err(ISettlements.MayNotSettle.selector, bob, mallory));
        accountant.settle(bob, 1 ether, preimage, signature);
    }

    function test_refuses_a_promise_that_repeats_or_lowers_the_amount(uint256 amount) public {
        settleBob(4 ether);
        amount = within(amount, 0, 4 ether);
        bytes memory signature = promiseOf(amount);
        vm.prank(bob);
        vm.expectRevert(err(IBooks.PromiseNotIncreasing.selector, 4 ether, amount));
        accountant.settle(bob, amount, preimage, signature);
    }

    function test_refuses_a_promise_of_another_operator_provider_amount_or_preimage() public {
        bytes memory signature = signAccountantPromise(bobKey, address(accountant), bob, 1 ether, lockOf(preimage));
        vm.prank(bob);
        vm.expectRevert(err(ISigned.WrongSigner.selector, carol, bob));
        accountant.settle(bob, 1 ether, preimage, signature);

        signature = promiseOf(1 ether);
        vm.prank(alice);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        accountant.settle(alice, 1 ether, preimage, signature);
        vm.prank(bob);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        accountant.settle(bob, 2 ether, preimage, signature);
        vm.prank(bob);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        accountant.settle(bob, 1 ether, preimage2, signature);
    }

    function test_refuses_a_promise_of_another_accountant() public {
        IAccountant other = IAccountant(newAccountant(mallory, carol));
        fund(address(other), 10 ether);
        bytes memory signature = promiseOf(1 ether);
        vm.prank(bob);
        vm.expectPartialRevert(ISigned.WrongSigner.selector);
        other.settle(bob, 1 ether, preimage, signature);
    }

    function test_refuses_to_settle_nothing() public {
        settleBob(10 ether);
        bytes memory signature = promiseOf(11 ether);
        vm.prank(bob);
        vm.expectRevert(err(IBooks.NothingToPay.selector));
        accountant.settle(bob, 11 ether, preimage, signature);
        equal(balanceOf(address(accountant)), carolsStake, "the operator's stake is not for it");
    }

    function test_settles_to_the_provider_without_stake_out_of_free_funds() public {
        bytes memory signature = promiseOf(3 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderSettled(bob, 3 ether, 3 ether, preimage);
        vm.prank(bob);
        accountant.settle(bob, 3 ether, preimage, signature);
        equal(balanceOf(bob), 3 ether, "paid");
        equal(accountant.providerOf(bob).settled, 3 ether, "settled");
        equal(accountant.freeFunds(), 7 ether, "free");
    }

    function test_the_operator_may_settle_for_a_provider() public {
        bytes memory signature = promiseOf(3 ether);
        vm.prank(carol);
        accountant.settle(bob, 3 ether, preimage, signature);
        equal(balanceOf(bob), 3 ether, "paid");
        equal(balanceOf(carol), 0, "not the sender");
    }

    function test_anybody_may_settle_where_the_provider_wished_it() public {
        ISettlements.SettleWish memory wished = ISettlements.SettleWish(bob, true, false, 1, later);
        bytes memory signature = signWish(aliceKey, address(accountant), wished);
        vm.expectRevert(err(ISigned.WrongSigner.selector, bob, alice));
        accountant.changeSettleWish(wished, signature);
        accountant.changeSettleWish(wished, signWish(bobKey, address(accountant), wished));
        bytes memory promised = promiseOf(3 ether);
        vm.prank(mallory);
        accountant.settle(bob, 3 ether, preimage, promised);
        equal(balanceOf(bob), 3 ether, "paid");

        ISettlements.SettleWish memory end = ISettlements.SettleWish(bob, false, false, 2, later);
        accountant.changeSettleWish(end, signWish(bobKey, address(accountant), end));
        signature = signWish(bobKey, address(accountant), wished);
        vm.expectRevert(err(ISigned.NonceUsed.selector, bob, 1));
        accountant.changeSettleWish(wished, signature);
        promised = promiseOf(4 ether);
        vm.prank(mallory);
        vm.expectRevert(err(ISettlements.MayNotSettle.selector, bob, mallory));
        accountant.settle(bob, 4 ether, preimage, promised);
    }

    function test_pays_the_registered_beneficiary() public {
        IRegistry.Registration memory r = IRegistry.Registration(bob, address(accountant), tom, address(0), 0, 1, later);
        fund(registry.channelAddress(bob, address(accountant)), 1 ether);
        registry.registerIdentity(r, signRegistration(bobKey, address(registry), r));
        settleBob(2 ether);
        equal(balanceOf(tom), 2 ether, "paid");
    }

    function test_pays_what_there_is_and_the_rest_when_money_arrives() public {
        settleBob(15 ether);
        equal(balanceOf(bob), 10 ether, "what was there");
        equal(accountant.providerOf(bob).shortSince, block.timestamp, "short since");
        equal(accountant.shortProviders(), 1, "one is short");
        fund(address(accountant), 20 ether);
        vm.warp(block.timestamp + 1 days);
        settleBob(15 ether);
        equal(balanceOf(bob), 15 ether, "the rest");
        equal(accountant.providerOf(bob).shortSince, 0, "no longer short");
        equal(accountant.shortProviders(), 0, "nobody is");
        equal(accountant.punishedSince(), 0, "nor punished");
    }

    function test_the_order_of_settlements_does_not_matter(uint256 seed) public {
        uint256 highest;
        for (uint256 i = 0; i < 10; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 amount = within(seed, 1, 12 ether);
            if (amount > highest) highest = amount;
            bytes memory signature = promiseOf(amount);
            vm.prank(bob);
            try accountant.settle(bob, amount, preimage, signature) {} catch {}
        }
        equal(balanceOf(bob), highest < 10 ether ? highest : 10 ether, "the highest promise, or all there is");
        equal(accountant.providerOf(bob).settled, balanceOf(bob), "settled");
    }

    /// @notice K84: a token that calls back in the middle of a payment finds the door closed.
    function test_refuses_to_be_entered_twice() public {
        CallingToken calling = new CallingToken();
        token = TestMystToken(address(calling));
        registry = newRegistry(IRegistry.Terms(treasury, 0, 0, exitDelay, rateNotice, rotationNotice, closingDelay));
        vm.prank(carolsOwner);
        accountant = IAccountant(registry.registerAccountant(carol, 0, 0, ""));
        calling.mint(address(accountant), 5 ether);
        ICollection.Claim[] memory none = new ICollection.Claim[](0);
        calling.callNext(address(accountant), abi.encodeCall(ICollection.collect, (none)));
        settleBob(1 ether);
        holds(calling.called() && calling.refused(), "called and refused");
    }
}

/// @notice Orders: C10, C12, C13, W18, W25, W32.
contract OrderTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
    }

    function test_refuses_a_copied_order_from_another_sender() public {
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0.1 ether);
        refuseOrder(mallory, o, err(ISigned.NotTransactor.selector, tom, mallory));
        // Nor does the promise alone help the copier.
        bytes memory promised = promiseOf(3 ether);
        vm.prank(mallory);
        vm.expectRevert(err(ISettlements.MayNotSettle.selector, bob, mallory));
        accountant.settle(bob, 3 ether, preimage, promised);
        sendOrder(tom, o);
        equal(balanceOf(tom), 0.1 ether, "the transactor's fee");
        equal(balanceOf(bob), 2.9 ether, "Bob");
    }

    function test_refuses_a_fee_without_a_payee() public {
        refuseOrder(tom, order(3 ether, address(0), 1), err(ISigned.FeeWithoutTransactor.selector, 1));
    }

    function test_refuses_an_order_after_its_deadline() public {
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0);
        o.deadline = block.timestamp - 1;
        refuseOrder(tom, o, err(ISigned.DeadlinePassed.selector, o.deadline, block.timestamp));
    }

    function test_refuses_to_pay_into_anything_else() public {
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0);
        o.into = 2;
        refuseOrder(tom, o, err(ISettlements.UnknownInto.selector, 2));
    }

    function test_refuses_an_order_with_any_field_changed() public {
        bytes memory promised = promiseOf(3 ether);
        bytes memory signature = signOrder(bobKey, address(accountant), order(3 ether, tom, 0.1 ether));
        for (uint256 field = 0; field < 7; ++field) {
            ISettlements.SettleOrder memory o = order(3 ether, tom, 0.1 ether);
            if (field == 0) o.into = 1;
            if (field == 1) o.amount -= 1;
            if (field == 2) o.beneficiary = mallory;
            if (field == 3) o.fee -= 1;
            if (field == 4) o.allowPartial = true;
            if (field == 5) o.nonce += 1;
            if (field == 6) o.deadline -= 1;
            vm.prank(tom);
            vm.expectPartialRevert(ISigned.WrongSigner.selector);
            accountant.settleWithOrder(o, preimage, promised, signature);
        }
    }

    function test_an_order_serves_once() public {
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0.1 ether);
        sendOrder(tom, o);
        refuseOrder(tom, o, err(ISigned.NonceUsed.selector, bob, 1));
        o = order(3 ether, tom, 0.1 ether);
        o.nonce = 2;
        refuseOrder(tom, o, err(IBooks.PromiseNotIncreasing.selector, 3 ether, 3 ether));
    }

    function test_refuses_an_order_that_bob_cancelled() public {
        vm.prank(bob);
        accountant.cancelNonce(1);
        refuseOrder(tom, order(3 ether, tom, 0), err(ISigned.NonceUsed.selector, bob, 1));
    }

    function test_takes_no_fee_that_is_not_less_than_what_is_paid(uint256 fee) public {
        fee = within(fee, 3 ether, type(uint256).max);
        refuseOrder(tom, order(3 ether, tom, fee), err(IBooks.FeeNotCovered.selector, 3 ether, fee));
        sendOrder(tom, order(3 ether, tom, 3 ether - 1));
        equal(balanceOf(bob), 1, "Bob");
    }

    function test_refuses_to_underpay_unless_bob_allows_it() public {
        ISettlements.SettleOrder memory o = order(12 ether, tom, 1 ether);
        refuseOrder(tom, o, err(IBooks.Underpaid.selector, 12 ether, 10 ether));
        o.allowPartial = true;
        sendOrder(tom, o);
        equal(balanceOf(bob), 9 ether, "what there was");
        equal(accountant.shortProviders(), 1, "and Bob is short");
    }

    function test_pays_the_beneficiary_of_the_order_this_time_only() public {
        ISettlements.SettleOrder memory o = order(3 ether, address(0), 0);
        o.beneficiary = address(0xb0b2);
        sendOrder(mallory, o);
        equal(balanceOf(address(0xb0b2)), 3 ether, "this time");
        settleBob(4 ether);
        equal(balanceOf(bob), 1 ether, "next time");
    }

    function test_says_who_was_paid_and_what_the_transactor_took() public {
        ISettlements.SettleOrder memory o = order(3 ether, tom, 0.1 ether);
        o.beneficiary = address(0xb0b2);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderSettled(bob, 3 ether, 3 ether, preimage);
        vm.expectEmit(address(accountant));
        emit ISettlements.OrderSettled(bob, o.beneficiary, 0.1 ether);
        sendOrder(tom, o);
        equal(balanceOf(o.beneficiary), 2.9 ether, "the beneficiary");
        equal(balanceOf(tom), 0.1 ether, "Tom");
    }

    function test_settles_into_stake_with_its_guarantee() public {
        ISettlements.SettleOrder memory o = order(4 ether, tom, 1 ether);
        o.into = 1;
        sendOrder(tom, o);
        IBooks.Provider memory p = accountant.providerOf(bob);
        equal(p.stake, 3 ether, "stake");
        equal(p.guarantee, 3 ether, "guarantee");
        equal(p.settled, 4 ether, "settled");
        equal(balanceOf(tom), 1 ether, "fee");
        equal(accountant.freeFunds(), 10 ether - 4 ether - 3 ether, "free");
    }

    function test_refuses_to_settle_into_stake_what_free_funds_do_not_guarantee() public {
        ISettlements.SettleOrder memory o = order(6 ether, tom, 0);
        o.into = 1;
        refuseOrder(tom, o, err(IBooks.GuaranteeUncovered.selector, 10 ether, 12 ether));
    }
}

/// @notice Batches: K78, K89.
contract BatchTest is World {
    function setUp() public override {
        super.setUp();
        fund(address(accountant), 10 ether);
        openAlice(10 ether);
    }

    /// @dev Who could call it would say himself who sends, and how much there is.
    function test_only_the_contract_itself_calls_an_item() public {
        ISettlements.Settlement memory item = settlement(bob, 1 ether);
        address[5] memory others = [mallory, bob, carol, carolsOwner, address(registry)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(err(ISettlements.NotSelf.selector, others[i]));
            accountant.settleOne(type(uint256).max, others[i], item);
        }
    }

    /// @dev `collect` calls whomever a claim names, and it may name the accountant: that settles nothing.
    function test_no_claim_makes_the_contract_call_an_item_of_its_own() public {
        ICollection.Claim[] memory claims = new ICollection.Claim[](1);
        claims[0] = claimOf(1 ether);
        claims[0].channel = address(accountant);
        vm.expectEmit(address(accountant));
        emit ICollection.ClaimSkipped(address(accountant), 1 ether, bytes4(0));
        vm.prank(mallory);
        accountant.collect(claims);
        equal(accountant.freeFunds(), 10 ether, "nothing moved");
    }

    function test_each_item_has_what_those_before_it_left() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](4);
        items[0] = settlement(bob, 6 ether);
        items[1] = settlement(bob, 5 ether);
        items[2] = settlement(dave, 7 ether);
        items[3] = settlement(bob, 8 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.SettlementSkipped(bob, 5 ether, IBooks.PromiseNotIncreasing.selector);
        vm.expectEmit(address(accountant));
        emit IBooks.SettlementShort(dave, 7 ether, 4 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.SettlementSkipped(bob, 8 ether, IBooks.NothingToPay.selector);
        vm.prank(carol);
        accountant.settleMany(items);
        equal(balanceOf(bob), 6 ether, "Bob");
        equal(balanceOf(dave), 4 ether, "Dave");
        equal(balanceOf(address(accountant)), carolsStake, "the operator's stake is not for it");
    }

    function test_what_would_stay_with_the_accountant_goes_to_the_identity() public {
        register(bobKey, address(accountant));
        uint256 free = accountant.freeFunds();
        wish(bobKey, false, true);
        payout(bob, 1 ether);
        settleBob(2 ether);
        equal(balanceOf(bob), 2 ether, "Bob");
        equal(accountant.freeFunds(), free - 2 ether, "free");
        ISettlements.SettleOrder memory o = order(3 ether, address(0), 0);
        o.beneficiary = address(accountant);
        refuseOrder(tom, o, err(ISettlements.RecipientIsAccountant.selector));
        o.beneficiary = address(0);
        sendOrder(tom, o);
        equal(balanceOf(bob), 3 ether, "by an order too");
    }

    /// @notice A batch leaves what its items leave one by one, whatever is promised and whatever there is.
    function test_a_batch_does_what_its_items_do_one_by_one(uint256 seed) public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](6);
        for (uint256 i = 0; i < items.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            items[i] = settlement(seed % 2 == 0 ? bob : dave, (seed >> 8) % 8 ether);
        }
        uint256 clean = vm.snapshotState();
        vm.prank(carol);
        accountant.settleMany(items);
        bytes32 together = books();
        vm.revertToState(clean);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes memory signature = abi.encodePacked(items[i].r, items[i].s, items[i].v);
            vm.prank(carol);
            try accountant.settle(items[i].provider, items[i].amount, preimage, signature) {} catch {}
        }
        holds(books() == together, "the same");
    }

    function books() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                accountant.providerOf(bob),
                accountant.providerOf(dave),
                [balanceOf(bob), balanceOf(dave), balanceOf(address(accountant)), accountant.punishedSince()],
                [accountant.shortProviders(), accountant.freeFunds(), accountant.totalGuarantee()]
            )
        );
    }

    function test_settles_many_and_skips_what_fails() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](4);
        items[0] = settlement(bob, 1 ether);
        items[1] = settlement(bob, 1 ether);
        items[2] = settlement(dave, 2 ether);
        items[2].preimage = preimage2;
        items[3] = settlement(dave, 3 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderSettled(bob, 1 ether, 1 ether, preimage);
        vm.expectEmit(address(accountant));
        emit ISettlements.SettlementSkipped(bob, 1 ether, IBooks.PromiseNotIncreasing.selector);
        vm.expectEmit(address(accountant));
        emit ISettlements.SettlementSkipped(dave, 2 ether, ISigned.WrongSigner.selector);
        vm.expectEmit(address(accountant));
        emit ISettlements.ProviderSettled(dave, 3 ether, 3 ether, preimage);
        vm.prank(carol);
        accountant.settleMany(items);
        equal(balanceOf(bob), 1 ether, "Bob");
        equal(balanceOf(dave), 3 ether, "Dave");
    }

    function test_a_stranger_settles_nothing_in_a_batch() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](1);
        items[0] = settlement(bob, 1 ether);
        vm.expectEmit(address(accountant));
        emit ISettlements.SettlementSkipped(bob, 1 ether, ISettlements.MayNotSettle.selector);
        vm.prank(mallory);
        accountant.settleMany(items);
        equal(balanceOf(bob), 0, "Bob");
    }

    function test_collects_and_skips_what_fails() public {
        ICollection.Claim[] memory claims = new ICollection.Claim[](5);
        claims[0] = claimOf(2 ether);
        claims[1] = claimOf(1 ether);
        claims[2] = claimOf(3 ether);
        claims[2].signature[0] ^= 0x01;
        claims[3] = claimOf(3 ether);
        claims[3].channel = registry.channelAddress(bob, address(accountant));
        claims[4] = claimOf(4 ether);
        vm.expectEmit(address(accountant));
        emit ICollection.ClaimSkipped(address(channel), 1 ether, IChannelBooks.PromiseNotIncreasing.selector);
        vm.expectEmit(address(accountant));
        emit ICollection.ClaimSkipped(address(channel), 3 ether, ISigned.WrongSigner.selector);
        // Not deployed yet: a call to it would succeed and do nothing.
        vm.expectEmit(address(accountant));
        emit ICollection.ClaimSkipped(claims[3].channel, 3 ether, bytes4(0));
        vm.prank(mallory);
        accountant.collect(claims);
        equal(channel.settled(), 4 ether, "settled");
        equal(accountant.freeFunds(), 14 ether, "free");
    }

    /// @notice K89: whoever sends a batch with too little gas fails as a whole, and skips nobody.
    function test_a_batch_cannot_be_starved_of_gas() public {
        ISettlements.Settlement[] memory items = new ISettlements.Settlement[](2);
        items[0] = settlement(bob, 1 ether);
        items[1] = settlement(dave, 1 ether);
        bytes memory data = abi.encodeCall(ISettlements.settleMany, (items));
        uint256 partly;
        for (uint256 gasGiven = 60_000; gasGiven < 560_000; gasGiven += 10_000) {
            vm.prank(carol);
            (bool done,) = address(accountant).call{gas: gasGiven}(data);
            bool bobPaid = balanceOf(bob) == 1 ether;
            bool davePaid = balanceOf(dave) == 1 ether;
            holds(done == bobPaid && done == davePaid, "all or nothing");
            if (done) return;
            ++partly;
        }
        revert NotTrue("enough gas settles both");
    }

    function test_refuses_to_try_an_item_with_less_gas_than_the_floor() public {
        ICollection.Claim[] memory claims = new ICollection.Claim[](1);
        claims[0] = claimOf(1 ether);
        bytes memory data = abi.encodeCall(ICollection.collect, (claims));
        (bool done, bytes memory answer) = address(accountant).call{gas: 200_000}(data);
        holds(!done && bytes4(answer) == Attempt.BatchOutOfGas.selector, "refused as a whole");
        (done,) = address(accountant).call{gas: 300_000}(data);
        holds(done && channel.settled() == 1 ether, "settled");
    }

    function test_an_endless_answer_does_not_stop_a_batch() public {
        address flood = address(0xf100d);
        // PUSH3 0x010000 PUSH0 REVERT: reverts with 64 KiB.
        vm.etch(flood, hex"620100005ffd");
        ICollection.Claim[] memory claims = new ICollection.Claim[](2);
        claims[0] = claimOf(1 ether);
        claims[0].channel = flood;
        claims[1] = claimOf(2 ether);
        accountant.collect(claims);
        equal(channel.settled(), 2 ether, "settled");
    }
}
